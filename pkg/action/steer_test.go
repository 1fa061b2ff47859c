package action

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"dro.dev/kubectl-dro/pkg/record"
)

// driven is a cluster with one rollout of the app food.
func driven(t *testing.T, state record.State) *Cluster {
	t.Helper()
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authenticationv1.SelfSubjectReview{}, nil
	})
	c := &Cluster{Namespace: "food-svc", Client: client}
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

func TestWhoAsksASettlingIsAnsweredAtOnce(t *testing.T) {
	for _, verb := range []record.Verb{record.Abort, record.Pause, record.Promote} {
		c := driven(t, record.Settling)
		s := &Steer{Cluster: c, Verb: verb}
		rec, err := c.find(t.Context(), "food")
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.ask(t.Context(), rec, "ann")
		if err != nil || !strings.Contains(answer, "settling") {
			t.Errorf("%s: got %q, %v", verb, answer, err)
		}
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

// Only a driver can pause and promote; what they are told of one that can't, or does not answer, is no more than is known.
func TestWhoNeedsADriverIsToldWhyThereIsNone(t *testing.T) {
	for name, tc := range map[string]struct {
		state  record.State
		driver string
		says   []string
	}{
		"nobody":              {record.Shifting, "", []string{"nobody drives rollout food-v2", "resume food-v2 -n food-svc"}},
		"one that is silent":  {record.Shifting, "ann's laptop", []string{"ann's laptop has not answered within 10s: it seems that nobody drives", "resume food-v2"}},
		"one that goes back":  {record.RollingBack, "ann's laptop", []string{"on its way back to green"}},
		"one that is settled": {record.Completed, "", []string{"is over: Completed"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := driven(t, tc.state)
			if tc.driver != "" {
				c.Self = tc.driver
				if err := c.lease("food").Acquire(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, verb := range []record.Verb{record.Pause, record.Promote} {
				answer, err := (&Steer{Cluster: c, Verb: verb}).Run(t.Context(), "food")
				for _, word := range tc.says {
					if err == nil || !strings.Contains(err.Error(), word) {
						t.Errorf("%s, %s: the error lacks %q: %v (%s)", name, verb, word, err, answer)
					}
				}
			}
		})
	}
}
