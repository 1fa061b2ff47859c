package record

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const proofKey = "dro.dev/standby"

// Proof is a standby's word that it could go on with the rollout, or why it couldn't.
type Proof struct {
	Pod     string `json:"pod"`
	Problem string `json:"problem,omitempty"`
}

// Vouch puts a standby's proof on the record, as an annotation: the record's content stays the launcher's to write.
func (s Store) Vouch(ctx context.Context, r *Rollout, p Proof) error {
	return s.annotate(ctx, r, proofKey, p)
}

// Proof is what a standby had put on the record when it was read, nil when there was nothing.
func (r *Rollout) Proof() (*Proof, error) {
	var p Proof
	found, err := r.annotation(proofKey, &p)
	if !found || err != nil {
		return nil, err
	}
	return &p, nil
}

func (s Store) annotate(ctx context.Context, r *Rollout, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode annotation %s: %w", key, err)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: string(text)}}})
	if err != nil {
		return fmt.Errorf("encode annotation %s: %w", key, err)
	}
	_, err = s.Secrets.Patch(ctx, r.Object(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: ManagedBy})
	if err != nil {
		return refused(r, fmt.Errorf("put annotation %s on record secret %s/%s: %w", key, r.Namespace, r.Object(), err))
	}
	return nil
}

func (r *Rollout) annotation(key string, value any) (found bool, err error) {
	text, found := r.annotations[key]
	if !found {
		return false, nil
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return true, fmt.Errorf("read annotation %s of record secret %s/%s: %w", key, r.Namespace, r.Object(), err)
	}
	return true, nil
}
