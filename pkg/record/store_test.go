package record_test

import (
	"context"
	"errors"
	"strings"
	"testing"
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
			if _, err := s.List(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "dro.food.1") {
				t.Errorf("got %v, want %q and the secret's name", err, tc.want)
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
	if _, err := s.List(t.Context()); err == nil || !strings.Contains(err.Error(), "update kubectl-dro") {
		t.Errorf("got %v", err)
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
	if _, err := record.Find(records, "fodo-v2"); err == nil || !strings.Contains(err.Error(), "food-v1, food-v2") {
		t.Errorf("got %v, want the known ones", err)
	}
}

func lease(client *fake.Clientset, holder string) *record.Lease {
	return &record.Lease{
		Leases: client.CoordinationV1().Leases("food-svc"), Namespace: "food-svc",
		App: "food", Holder: holder, Term: 300 * time.Millisecond,
	}
}

func TestOneWriter(t *testing.T) {
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
}

func TestASilentHolderIsReplacedAndFindsOut(t *testing.T) {
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
}

func TestALeaseIsConfirmedBeforeAWrite(t *testing.T) {
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
	var lost *record.LostError
	if err := l.Confirm(t.Context()); !errors.As(err, &lost) {
		t.Errorf("a lease that another took: %v", err)
	}
}

func TestWhoWasFasterIsNamed(t *testing.T) {
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
}
