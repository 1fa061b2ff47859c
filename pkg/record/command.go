package record

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
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
	Settle  Verb = "settle"  // end the keep window now
	Retry   Verb = "retry"   // go on after a halt
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
	return s.annotate(ctx, r, commandKey, c)
}

// Follow calls see with every version of the record and the command on it, if any, until see returns false or ctx
// ends. It watches from now on; a watch that ends, or can't go on from where it was, is begun anew.
func (s Store) Follow(ctx context.Context, r *Rollout, see func(*Rollout, *Command) bool) error {
	one := fields.OneTermEqualSelector(metav1.ObjectNameField, r.Object()).String()
	for {
		now, err := s.Secrets.Get(ctx, r.Object(), metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read record secret %s/%s: %w", r.Namespace, r.Object(), err)
		}
		if more, err := show(now, see); err != nil || !more {
			return err
		}
		began := time.Now()
		w, err := s.Secrets.Watch(ctx, metav1.ListOptions{FieldSelector: one, ResourceVersion: now.ResourceVersion})
		switch {
		case apierrors.IsGone(err) || apierrors.IsResourceExpired(err):
		case err != nil:
			return fmt.Errorf("watch record secret %s/%s: %w", r.Namespace, r.Object(), err)
		default:
			more, err := drainWatch(ctx, w, r.Object(), see)
			w.Stop()
			if err != nil || !more {
				return err
			}
		}
		select { // no more than one try a second, whatever the server does
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Until(began.Add(time.Second))):
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
	var c Command
	found, err := r.annotation(commandKey, &c)
	if !found || err != nil {
		return nil, err
	}
	return &c, nil
}
