package record

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Verb is what a person can ask of a rollout under way.
type Verb string

// The verbs.
const (
	Abort   Verb = "abort"   // give everything back to green
	Pause   Verb = "pause"   // go no further, keep watching
	Resume  Verb = "resume"  // go on
	Promote Verb = "promote" // open the gate of the phase that is held
)

// Command is a verb with who asks and why. It reaches the process that drives the rollout as an annotation on the
// record, which that process watches.
type Command struct {
	ID     string `json:"id"` // tells one asking from the next
	Verb   Verb   `json:"verb"`
	Full   bool   `json:"full,omitempty"` // promote: skip to 100 %
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// Answer is what the driving process made of a command.
type Answer struct {
	Command string `json:"command"` // the command's ID
	Text    string `json:"text"`
}

const commandKey = "dro.dev/command"

// Send puts a command on the record. A command that waits there already is replaced.
func (s Store) Send(ctx context.Context, r *Rollout, c Command) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode command %s: %w", c.Verb, err)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{commandKey: string(text)}}})
	if err != nil {
		return fmt.Errorf("encode command %s: %w", c.Verb, err)
	}
	_, err = s.Secrets.Patch(ctx, name(r), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: ManagedBy})
	if err != nil {
		return fmt.Errorf("put command %s on record secret %s/%s: %w", c.Verb, r.Namespace, name(r), err)
	}
	return nil
}

// Follow calls see with every version of the record and the command on it, if any, until see returns false or ctx
// ends. It watches from now on; a watch that ends is begun anew.
func (s Store) Follow(ctx context.Context, r *Rollout, see func(*Rollout, *Command) bool) error {
	one := fields.OneTermEqualSelector(metav1.ObjectNameField, name(r)).String()
	for {
		now, err := s.Secrets.Get(ctx, name(r), metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read record secret %s/%s: %w", r.Namespace, name(r), err)
		}
		if more, err := show(now, see); err != nil || !more {
			return err
		}
		w, err := s.Secrets.Watch(ctx, metav1.ListOptions{FieldSelector: one, ResourceVersion: now.ResourceVersion})
		if err != nil {
			return fmt.Errorf("watch record secret %s/%s: %w", r.Namespace, name(r), err)
		}
		more, err := drainWatch(ctx, w, name(r), see)
		w.Stop()
		if err != nil || !more {
			return err
		}
	}
}

// drainWatch shows what a watch brings until it ends. More is false when nothing further is wanted.
func drainWatch(ctx context.Context, w watch.Interface, name string, see func(*Rollout, *Command) bool) (more bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case e, open := <-w.ResultChan():
			if !open || e.Type == watch.Error {
				return true, nil
			}
			secret, ok := e.Object.(*corev1.Secret)
			if !ok || secret.Name != name || e.Type == watch.Deleted {
				continue
			}
			if more, err := show(secret, see); err != nil || !more {
				return false, err
			}
		}
	}
}

func show(secret *corev1.Secret, see func(*Rollout, *Command) bool) (more bool, err error) {
	r, err := decode(secret)
	if err != nil {
		return false, err
	}
	c, err := r.Asked()
	if err != nil {
		return false, err
	}
	return see(r, c), nil
}

// Asked is the command that was on the record when it was read, nil when there was none.
func (r *Rollout) Asked() (*Command, error) {
	text, ok := r.annotations[commandKey]
	if !ok {
		return nil, nil
	}
	var c Command
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("read annotation %s of record secret %s/%s: %w", commandKey, r.Namespace, name(r), err)
	}
	return &c, nil
}
