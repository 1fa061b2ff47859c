package action

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
		if _, err := s.takeOver(t.Context(), c, "food", "ann"); err == nil || !strings.Contains(err.Error(), "is over: Completed") {
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
	rec, err := c.find(t.Context(), "food")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.ask(t.Context(), rec, "ann")
	if err != nil || !strings.Contains(answer, "settling") {
		t.Errorf("got %q, %v", answer, err)
	}
}

// damage spoils a record's Secret by hand.
func damage(t *testing.T, c *Cluster, name string) {
	t.Helper()
	secrets := c.Client.CoreV1().Secrets(c.Namespace)
	secret, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret.Data = map[string][]byte{"rollout": []byte("edited")}
	if _, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestAnAbortOfWhatIsOverIsAnswered(t *testing.T) {
	for state, tc := range map[record.State]struct {
		want string
		fine bool
	}{
		record.RolledBack: {"nothing left to abort", true},
		record.Completed:  {"is over: Completed", false},
		record.Halted:     {"kubectl dro retry food-v2 -n food-svc", false},
	} {
		answer, err := (&Steer{Cluster: driven(t, state), Verb: record.Abort}).Run(t.Context(), "food")
		if err != nil {
			answer = err.Error()
		}
		if !strings.Contains(answer, tc.want) || (err == nil) != tc.fine {
			t.Errorf("%s: got %q, %v", state, answer, err)
		}
	}
}
