package action

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/record"
)

func TestNeeded(t *testing.T) {
	of := func(app, id string, number int, state record.State) *record.Rollout {
		return &record.Rollout{App: app, ID: id, Number: number, State: state, Namespace: "food-svc"}
	}
	for name, tc := range map[string]struct {
		records []*record.Rollout
		want    string
	}{
		"no record is left of it":             {nil, ""},
		"another app is under way":            {[]*record.Rollout{of("drink", "drink-v1", 1, record.Shifting)}, ""},
		"it has ended":                        {[]*record.Rollout{of("food", "food-v2", 2, record.RolledBack)}, ""},
		"it is under way":                     {[]*record.Rollout{of("food", "food-v2", 2, record.Paused)}, "food-v2 is under way"},
		"a later one is under way":            {[]*record.Rollout{of("food", "food-v2", 2, record.Completed), of("food", "food-v3", 3, record.Keeping)}, "food-v3 is under way"},
		"it halted":                           {[]*record.Rollout{of("food", "food-v2", 2, record.Halted), of("food", "food-v3", 3, record.Completed)}, "kubectl dro retry food-v2"},
		"another one halted":                  {[]*record.Rollout{of("food", "food-v1", 1, record.Halted), of("food", "food-v2", 2, record.Completed)}, ""},
		"a record of its app can't be read":   {[]*record.Rollout{of("food", "food-v3", 3, record.Unreadable)}, "dro.food.3 does is not known"},
		"one of another app can't, it's fine": {[]*record.Rollout{of("drink", "drink-v3", 3, record.Unreadable)}, ""},
	} {
		got := needed(tc.records, "food", "food-v2")
		if !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestWhatIsLeftOfTestsAndStandbys(t *testing.T) {
	c := driven(t, record.Completed)
	marks := func(more string) map[string]string {
		return map[string]string{record.LabelManagedBy: record.ManagedBy, record.LabelApp: "food", record.LabelRollout: "food-v2", more: "true"}
	}
	if _, err := c.Client.BatchV1().Jobs("food-svc").Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "dro-food-v2-smoke", Labels: marks("dro.dev/test")}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, labels := range map[string]map[string]string{"dro-standby-food-1": marks("dro.dev/standby"), "default": nil} {
		if _, err := c.Client.CoreV1().ServiceAccounts("food-svc").Create(t.Context(), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := c.Records().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := leftTests(t.Context(), c, records)
	if err != nil || len(jobs) != 1 || jobs[0].What != "job food-svc/dro-food-v2-smoke" || jobs[0].Why != "" {
		t.Errorf("got %+v, %v", jobs, err)
	}
	accounts, err := leftStandbys(t.Context(), c, records)
	if err != nil || len(accounts) != 1 || accounts[0].What != "standby food-svc/dro-standby-food-1" {
		t.Fatalf("got %+v, %v", accounts, err)
	}
	if err := accounts[0].remove(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if left, err := c.Client.CoreV1().ServiceAccounts("food-svc").List(t.Context(), metav1.ListOptions{}); err != nil || len(left.Items) != 1 {
		t.Errorf("%d serviceaccounts are left, %v; want the namespace's own", len(left.Items), err)
	}
}

func TestLeasesOfAppsWithoutARecordGo(t *testing.T) {
	c := driven(t, record.Completed)
	for _, app := range []string{"food", "drink", "pay", "busy"} {
		lease := c.lease(app)
		lease.Holder = app
		if err := lease.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if app == "busy" {
			continue
		}
		held, err := c.Client.CoordinationV1().Leases("food-svc").Get(t.Context(), lease.Name(), metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		held.Spec.HolderIdentity = nil
		if _, err := c.Client.CoordinationV1().Leases("food-svc").Update(t.Context(), held, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := c.Records().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		told := map[string]string{}
		g := &GC{Cluster: c, DryRun: dry}
		if err := g.leases(t.Context(), records, []string{"pay"}, func(l Leftover) { told[l.What] = l.Why }); err != nil {
			t.Fatal(err)
		}
		why, drink := told["lease food-svc/dro-drink"]
		if len(told) != 2 || !drink || why != "" || told["lease food-svc/dro-busy"] != "busy holds it" {
			t.Errorf("dry %v: told %q", dry, told)
		}
		left, err := c.Client.CoordinationV1().Leases("food-svc").List(t.Context(), metav1.ListOptions{})
		if want := map[bool]int{true: 4, false: 3}[dry]; err != nil || len(left.Items) != want {
			t.Errorf("dry %v: %d leases are left (%v), want %d", dry, len(left.Items), err, want)
		}
	}
}
