package record_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"

	"dro.dev/kubectl-dro/pkg/record"
)

func TestACommandReachesWhoFollowsTheRecord(t *testing.T) {
	s, _ := store(t)
	r := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	seen := make(chan record.Command, 1)
	following := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		first := true
		done <- s.Follow(ctx, r, func(_ *record.Rollout, c *record.Command) bool {
			if first {
				close(following)
				first = false
			}
			if c != nil {
				seen <- *c
			}
			return c == nil
		})
	}()
	<-following
	sent := record.Command{ID: "1", Verb: record.Promote, Full: true, By: "ann", Reason: "looks well"}
	if err := s.Send(t.Context(), r, sent); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != sent {
		t.Errorf("got %+v, want %+v", got, sent)
	}
}

func TestASaveKeepsTheCommandThatCameBetween(t *testing.T) {
	s, client := store(t)
	r := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), r, record.Command{ID: "1", Verb: record.Abort, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	refuse := true // as the API server does; the fake client knows no versions
	client.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if refuse {
			refuse = false
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "dro.food.1", errors.New("changed"))
		}
		return false, nil, nil
	})
	r.State = record.Shifting
	if err := s.Save(t.Context(), r); err != nil {
		t.Fatalf("a command made the record unwritable: %v", err)
	}
	secret, err := client.CoreV1().Secrets("food-svc").Get(t.Context(), "dro.food.1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(secret.Annotations["dro.dev/command"], `"verb":"abort"`) {
		t.Errorf("the command is lost: %v", secret.Annotations)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	s, _ := store(t)
	r := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Follow(ctx, r, func(*record.Rollout, *record.Command) bool { return true }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestASaveOverAnotherWritersRecordIsRefused(t *testing.T) {
	s, client := store(t)
	mine := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := all[0]
	theirs.State = record.RolledBack
	if err := s.Save(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	client.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "dro.food.1", errors.New("changed"))
	})
	mine.State = record.Shifting
	if err := s.Save(t.Context(), mine); !apierrors.IsConflict(errors.Unwrap(err)) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestWhatWasAskedIsReadWithTheRecord(t *testing.T) {
	s, _ := store(t)
	r := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Asked(); c != nil || err != nil {
		t.Errorf("a fresh record was asked %+v (%v)", c, err)
	}
	if err := s.Send(t.Context(), r, record.Command{ID: "1", Verb: record.Pause, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d records: %v", len(all), err)
	}
	if c, err := all[0].Asked(); err != nil || c == nil || c.Verb != record.Pause {
		t.Errorf("it was asked %+v (%v), want a pause", c, err)
	}
}
