package record_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"dro.dev/kubectl-dro/pkg/record"
)

func store(t *testing.T) (record.Store, *fake.Clientset) {
	client := fake.NewClientset()
	return record.Store{Secrets: client.CoreV1().Secrets("food-svc")}, client
}

func rolloutOf(app, id string) *record.Rollout {
	return &record.Rollout{
		ID: id, App: app, Namespace: "food-svc", State: record.Preparing, Started: time.Now().UTC().Truncate(time.Second),
		Steps: []record.Step{{ID: "shift/canary", Kind: "shift", Traffic: 1, For: time.Minute}},
		Facts: []byte(`{"any":"thing"}`), Blueprint: []byte(`{"id":"x"}`),
	}
}

func TestRecordSurvivesTheCluster(t *testing.T) {
	s, _ := store(t)
	want := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	want.State, want.Traffic, want.Cause = record.RollingBack, 50, "error_rate 2.1% > 0.5%"
	if err := s.Save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	got := all[0]
	if got.State != want.State || got.Traffic != 50 || got.Cause != want.Cause || got.Number != 1 ||
		string(got.Facts) != `{"any":"thing"}` || got.Steps[0].For != time.Minute || !got.Started.Equal(want.Started) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestTheLastTenRecordsStay(t *testing.T) {
	s, _ := store(t)
	for range 13 {
		if err := s.Create(t.Context(), rolloutOf("food", "food-v2")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Create(t.Context(), rolloutOf("drink", "drink-v1")); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, r := range all {
		if r.App == "food" {
			numbers = append(numbers, r.Number)
		}
	}
	if len(numbers) != 10 || numbers[0] != 4 || numbers[9] != 13 || len(all) != 11 {
		t.Errorf("food's records %v of %d in all, want 4 to 13 of 11", numbers, len(all))
	}
}

func TestBadRecordsAreTold(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Secret)
		want   string
	}{
		"damaged": {func(s *corev1.Secret) { s.Data["rollout"] = []byte("x") }, "it is damaged"},
		"emptied": {func(s *corev1.Secret) { s.Data = nil }, "it is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := store(t)
			if err := s.Create(t.Context(), rolloutOf("food", "food-v2")); err != nil {
				t.Fatal(err)
			}
			secrets := client.CoreV1().Secrets("food-svc")
			secret, err := secrets.Get(t.Context(), "dro.food.1", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			tc.change(secret)
			if _, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(t.Context(), rolloutOf("drink", "drink-v1")); err != nil {
				t.Fatal(err)
			}
			all, err := s.List(t.Context())
			if err != nil || len(all) != 2 || all[0].ID != "drink-v1" || all[0].State != record.Preparing {
				t.Fatalf("got %+v, %v; want the other one as well", all, err)
			}
			bad := all[1]
			if bad.State != record.Unreadable || bad.State.Ended() || bad.ID != "food-v2" || bad.Number != 1 ||
				!strings.Contains(bad.Cause, tc.want) || !strings.Contains(bad.Cause, "dro.food.1") {
				t.Errorf("got %+v, want %q and the secret's name", bad, tc.want)
			}
			if _, err := record.Find(all, "food"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("found by its app: %v", err)
			}
			next := rolloutOf("food", "food-v3")
			if err := s.Create(t.Context(), next); err != nil || next.Number != 2 {
				t.Errorf("the next has number %d (%v)", next.Number, err)
			}
		})
	}
}

func TestARecordOfANewerFormIsRefused(t *testing.T) {
	s, _ := store(t)
	r := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Schema = record.Schema + 1
	if err := s.Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 || all[0].State != record.Unreadable || !strings.Contains(all[0].Cause, "update kubectl-dro") {
		t.Errorf("got %+v, %v", all[0], err)
	}
}

func TestFind(t *testing.T) {
	records := []*record.Rollout{
		{ID: "food-v1", App: "food", Number: 1}, {ID: "food-v2", App: "food", Number: 2}, {ID: "food-v2", App: "food", Number: 3},
	}
	for name, number := range map[string]int{"food": 3, "food-v2": 3, "food-v1": 1} {
		if r, err := record.Find(records, name); err != nil || r.Number != number {
			t.Errorf("%s: got %+v, %v; want number %d", name, r, err, number)
		}
	}
	if _, err := record.Find(records, "fodo-v2"); err == nil || !strings.Contains(err.Error(), "food-v2, food-v1, food") {
		t.Errorf("got %v, want the near ones, the nearest first", err)
	}
	for i := range 20 {
		records = append(records, &record.Rollout{ID: fmt.Sprintf("drink-v%d", i), App: "drink"})
	}
	if _, err := record.Find(records, "food-v3"); err == nil || !strings.Contains(err.Error(), "food-v1, food-v2, food, ") || !strings.Contains(err.Error(), "and 16 more") {
		t.Errorf("got %v, want the near ones and how many there are", err)
	}
}

func lease(client *fake.Clientset, holder string) *record.Lease {
	return &record.Lease{
		Leases: client.CoordinationV1().Leases("food-svc"), Namespace: "food-svc",
		App: "food", Holder: holder, Term: 15 * time.Second,
	}
}

func TestOneWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		first, second := lease(client, "ann"), lease(client, "bob")
		if err := first.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		kept := make(chan error, 1)
		go func() { kept <- first.Keep(ctx) }()

		err := second.Acquire(t.Context())
		held, ok := err.(*record.HeldError)
		if !ok || held.Holder != "ann" {
			t.Errorf("second got %v while the first lives", err)
		}
		cancel()
		if err := <-kept; err != nil {
			t.Errorf("let go: %v", err)
		}
		if err := second.Acquire(t.Context()); err != nil {
			t.Errorf("second got %v after the first let go", err)
		}
	})
}

func TestASilentHolderIsReplacedAndFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		first, second := lease(client, "ann"), lease(client, "bob")
		if err := first.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := second.Acquire(t.Context()); err != nil { // waits a term: ann shows no life
			t.Fatalf("second got %v though the first is silent", err)
		}
		l, err := client.CoordinationV1().Leases("food-svc").Get(t.Context(), "dro-food", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if *l.Spec.HolderIdentity != "bob" || *l.Spec.LeaseTransitions != 2 {
			t.Errorf("holder %s, epoch %d", *l.Spec.HolderIdentity, *l.Spec.LeaseTransitions)
		}
	})
}

func TestALeaseIsConfirmedBeforeAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		l := lease(client, "ann")
		if err := l.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		asked := 0
		var answer error
		client.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			asked++
			return answer != nil, nil, answer
		})
		if err := l.Confirm(t.Context()); err != nil || asked > 0 {
			t.Errorf("a fresh lease: %v after %d requests", err, asked)
		}
		time.Sleep(l.Term + time.Millisecond) // this process stands still
		if err := l.Confirm(t.Context()); err != nil || asked != 1 {
			t.Errorf("a lease that nobody took: %v after %d requests", err, asked)
		}
		time.Sleep(l.Term + time.Millisecond)
		answer = apierrors.NewConflict(coordinationv1.Resource("leases"), "dro-food", errors.New("it has changed"))
		client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: new("bob")}}, nil
		})
		var lost *record.LostError
		if err := l.Confirm(t.Context()); !errors.As(err, &lost) {
			t.Errorf("a lease that another took: %v", err)
		}
	})
}

func TestWhoWasFasterIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		first, second := lease(client, "ann"), lease(client, "bob")
		if err := first.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		looked := false // before ann's write was there
		client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			first := !looked
			looked = true
			return first, nil, apierrors.NewNotFound(coordinationv1.Resource("leases"), "dro-food")
		})
		err := second.Acquire(t.Context())
		held, ok := err.(*record.HeldError)
		if !ok || held.Holder != "ann" {
			t.Errorf("second got %v, want to hear of ann", err)
		}
	})
}

func TestWhoMayNotWriteIsToldWhatTheyNeed(t *testing.T) {
	s, client := store(t)
	r := rolloutOf("food", "food-v2")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	client.PrependReactor("*", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		forbidden := a.GetVerb() == "create" || a.GetVerb() == "update" || a.GetVerb() == "patch"
		return forbidden, nil, apierrors.NewForbidden(corev1.Resource("secrets"), "dro.food.1", errors.New("no"))
	})
	for doing, err := range map[string]error{
		"create": s.Create(t.Context(), rolloutOf("drink", "drink-v1")),
		"save":   s.Save(t.Context(), r),
		"send":   s.Send(t.Context(), r, record.Command{Verb: record.Pause}),
	} {
		if err == nil || !strings.Contains(err.Error(), "verbs create, update and patch on secrets in namespace food-svc") {
			t.Errorf("%s: got %v", doing, err)
		}
	}
}

func TestAHolderIsSucceededOnceItIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		first, second := lease(client, "ann"), lease(client, "the standby")
		if err := first.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		keeping, silence := context.WithCancel(t.Context())
		client.PrependReactor("update", "leases", func(a clienttesting.Action) (bool, runtime.Object, error) {
			l := a.(clienttesting.UpdateAction).GetObject().(*coordinationv1.Lease)
			mute := keeping.Err() != nil && (l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "ann")
			return mute, nil, errors.New("ann's process is gone") // it lets nothing go
		})
		go first.Keep(keeping)
		heard := make(chan string, 1)
		done := make(chan error, 1)
		go func() {
			taken, err := second.Succeed(t.Context(), func(silent string) (bool, error) { heard <- silent; return false, nil })
			if !taken && err == nil {
				err = errors.New("it was not taken")
			}
			done <- err
		}()
		select {
		case who := <-heard:
			t.Fatalf("%q was held for silent while it lived", who)
		case <-time.After(3 * first.Term):
		}
		silence()
		if who := <-heard; who != "ann" {
			t.Errorf("%q was silent, want ann", who)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if who, err := second.HeldBy(t.Context()); err != nil || who != "the standby" {
			t.Errorf("%q holds it (%v)", who, err)
		}
	})
}

func TestALeaseThatIsLetGoIsLeftWhenThereIsNothingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		first, second := lease(client, "ann"), lease(client, "the standby")
		if err := first.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		time.AfterFunc(first.Term/2, end)
		go first.Keep(ctx)
		taken, err := second.Succeed(t.Context(), func(silent string) (bool, error) {
			if silent != "" {
				t.Errorf("%q was silent, though it let go", silent)
			}
			return true, nil
		})
		if taken || err != nil {
			t.Errorf("taken %v, %v", taken, err)
		}
		if who, err := second.HeldBy(t.Context()); err != nil || who != "" {
			t.Errorf("%q holds it (%v)", who, err)
		}
	})
}

func TestWhoCantSeeDoesNotTakeItForSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t)
		first, second := lease(client, "ann"), lease(client, "the standby")
		if err := first.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		blind := true
		client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return blind, nil, apierrors.NewServiceUnavailable("down")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 4*first.Term)
		defer cancel()
		taken, err := second.Succeed(ctx, func(string) (bool, error) { return false, nil })
		if taken || err == nil {
			t.Errorf("it was taken by someone who saw nothing (%v)", err)
		}
	})
}
