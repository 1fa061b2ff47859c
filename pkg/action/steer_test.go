package action

import (
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/fake"

	"dro.dev/kubectl-dro/pkg/record"
)

// driven is a cluster with one rollout of the app food.
func driven(t *testing.T, state record.State) *Cluster {
	t.Helper()
	c := &Cluster{Namespace: "food-svc", Client: fake.NewClientset()}
	r := &record.Rollout{ID: "food-v2", App: "food", Namespace: "food-svc", State: state, Started: time.Now()}
	if err := c.Records().Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestARolloutThatEndedMeanwhileIsLeftAsItIs(t *testing.T) {
	for _, verb := range []record.Verb{record.Abort, record.Resume} {
		c := driven(t, record.Completed)
		s := &Steer{Cluster: c, Verb: verb}
		if err := s.takeOver(t.Context(), c, "food", "ann"); err == nil || !strings.Contains(err.Error(), "is over: Completed") {
			t.Errorf("%s: got %v", verb, err)
		}
		all, err := c.Records().List(t.Context())
		if err != nil || all[0].State != record.Completed {
			t.Errorf("%s: the record says %s (%v)", verb, all[0].State, err)
		}
	}
}

func TestAnAbortOfASettlingIsAnsweredAtOnce(t *testing.T) {
	c := driven(t, record.Settling)
	s := &Steer{Cluster: c, Verb: record.Abort}
	rec, err := s.find(t.Context(), "food")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.ask(t.Context(), rec, "ann")
	if err != nil || !strings.Contains(answer, "settling") {
		t.Errorf("got %q, %v", answer, err)
	}
}
