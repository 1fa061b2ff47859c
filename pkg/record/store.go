package record

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// Labels and names of the objects that dro keeps in a namespace.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelApp       = "dro.dev/app"
	LabelRollout   = "dro.dev/rollout"
	ManagedBy      = "kubectl-dro"
	SecretType     = corev1.SecretType("dro.dev/rollout")

	dataKey = "rollout"
	kept    = 10      // records of an app that stay
	maxSize = 900_000 // bytes; a Secret holds one megabyte
)

// Store keeps records as Secrets of one namespace.
type Store struct {
	Secrets corev1client.SecretInterface
}

// Create gives r the app's next number and writes it. It drops the app's oldest records beyond the last ten.
func (s Store) Create(ctx context.Context, r *Rollout) error {
	older, err := s.list(ctx, LabelApp+"="+r.App)
	if err != nil {
		return err
	}
	r.Schema, r.Number = Schema, 1
	if n := len(older); n > 0 {
		r.Number = older[n-1].Number + 1
	}
	secret, err := encode(r)
	if err != nil {
		return err
	}
	written, err := s.Secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: ManagedBy})
	if err != nil {
		return fmt.Errorf("write record secret %s/%s: %w", r.Namespace, secret.Name, err)
	}
	r.keep(written)
	for _, old := range older[:max(0, len(older)+1-kept)] {
		if err := s.Secrets.Delete(ctx, name(old), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete old record secret %s/%s: %w", old.Namespace, name(old), err)
		}
	}
	return nil
}

// Save writes r over the version it was read from. A command that was put on it meanwhile stays; another writer's
// change of the record itself is a conflict.
func (s Store) Save(ctx context.Context, r *Rollout) error {
	secret, err := encode(r)
	if err != nil {
		return err
	}
	for {
		secret.ResourceVersion, secret.Annotations = r.resourceVersion, r.annotations
		written, err := s.Secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: ManagedBy})
		if err == nil {
			r.keep(written)
			return nil
		}
		err = fmt.Errorf("write record secret %s/%s: %w", r.Namespace, secret.Name, err)
		if !apierrors.IsConflict(err) {
			return err
		}
		now, getErr := s.Secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		if getErr != nil {
			return errors.Join(err, getErr)
		}
		if !bytes.Equal(now.Data[dataKey], r.written) {
			return err
		}
		r.keep(now)
	}
}

// keep remembers the version of the record that the cluster has.
func (r *Rollout) keep(secret *corev1.Secret) {
	r.resourceVersion, r.annotations, r.written = secret.ResourceVersion, secret.Annotations, secret.Data[dataKey]
}

// List returns the namespace's records, those of an app together and in the order of their launch.
func (s Store) List(ctx context.Context) ([]*Rollout, error) {
	return s.list(ctx, LabelManagedBy+"="+ManagedBy)
}

func (s Store) list(ctx context.Context, selector string) ([]*Rollout, error) {
	secrets, err := s.Secrets.List(ctx, metav1.ListOptions{
		LabelSelector: selector,
		FieldSelector: "type=" + string(SecretType),
	})
	if err != nil {
		return nil, fmt.Errorf("list record secrets: %w", err)
	}
	var records []*Rollout
	for i := range secrets.Items {
		if secrets.Items[i].Type != SecretType { // a fake client does not filter
			continue
		}
		r, err := decode(&secrets.Items[i])
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b *Rollout) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.App, b.App), cmp.Compare(a.Number, b.Number))
	})
	return records, nil
}

func name(r *Rollout) string { return "dro." + r.App + "." + strconv.Itoa(r.Number) }

func encode(r *Rollout) (*corev1.Secret, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return nil, fmt.Errorf("encode the record of %s: %w", r.ID, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress the record of %s: %w", r.ID, err)
	}
	if buf.Len() > maxSize {
		return nil, fmt.Errorf("the record of %s has %d bytes, over the %d that fit a secret\n  make the configs of the blueprint smaller", r.ID, buf.Len(), maxSize)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:      name(r),
			Namespace: r.Namespace,
			Labels: map[string]string{
				LabelManagedBy: ManagedBy,
				LabelApp:       r.App,
				LabelRollout:   r.ID,
			},
		},
		Type: SecretType,
		Data: map[string][]byte{dataKey: buf.Bytes()},
	}, nil
}

func decode(secret *corev1.Secret) (*Rollout, error) {
	bad := func(err error) error {
		return fmt.Errorf("read record secret %s/%s: %w\n  it is damaged or not a record; delete it if the rollout is over", secret.Namespace, secret.Name, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(secret.Data[dataKey]))
	if err != nil {
		return nil, bad(err)
	}
	text, err := io.ReadAll(io.LimitReader(z, 64<<20))
	if err != nil {
		return nil, bad(err)
	}
	r := &Rollout{}
	r.keep(secret)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, bad(err)
	}
	if r.Schema > Schema {
		return nil, fmt.Errorf("record secret %s/%s has form %d; this kubectl-dro reads up to %d\n  update kubectl-dro", secret.Namespace, secret.Name, r.Schema, Schema)
	}
	return r, nil
}

// Find returns the newest record whose rollout or app has the given name.
func Find(records []*Rollout, name string) (*Rollout, error) {
	var known []string
	for _, r := range slices.Backward(records) {
		if r.ID == name || r.App == name {
			return r, nil
		}
		known = append(known, r.ID)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("no rollout %q: this namespace has none\n  another namespace: -n NAME", name)
	}
	slices.Sort(known)
	return nil, fmt.Errorf("no rollout %q in this namespace; known: %s", name, strings.Join(slices.Compact(known), ", "))
}
