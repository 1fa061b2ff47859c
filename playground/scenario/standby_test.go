package scenario

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/load"
)

const halfForTen = `
id: foodsvc-v9
images: [{svc: hms-svc-food, tag: "2.1.0"}]
phases: [{name: half, traffic: 50%, hold: 10m}, {name: full, traffic: 100%, hold: 2s}]
keep: 2s
kpi: {error_rate: "< 5%"}
`

// standby lets launchers fall silent, or leave: whoever is in the cluster goes on.
func standby(t *testing.T, c *cluster) {
	for _, s := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"rolls back", standbyRollsBack},
		{"holds", standbyHolds},
		{"goes on", standbyGoesOn},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, c)
		})
	}
}

// standbyRollsBack kills a launcher at 50 %: everything is back on green within the lease's time and a little.
func standbyRollsBack(t *testing.T, c *cluster) {
	const ns = "food-silent"
	c.green(t, ns)
	before := c.snapshot(t, ns)
	requests := c.load(t, ns, 100, food.Service)
	l := c.launch(t, ns, halfForTen, "--standby", "required")
	l.until(t, "traffic.shifted")
	eventually(t, "both versions answer", func() (bool, string) { return onBoth(requests), "blue does not answer" })
	killed := time.Now()
	must(t, "kill the launcher", l.cmd.Process.Kill())
	eventually(t, "all traffic is on green", func() (bool, string) {
		return onGreenAlone(requests), "blue still answers"
	})
	t.Logf("all traffic was on green %s after the launcher was killed (promised: the lease's 15s and 10s)", time.Since(killed).Round(100*time.Millisecond))
	c.ends(t, ns, "RolledBack", "fell silent; the standby (pod ")
	told := c.events(t, ns)
	says(t, told, "RolloutTakenOver by kubectl-dro", "RolloutRolledBack by kubectl-dro", "the standby (pod dro-standby-foodsvc-1-")
	served(t, requests, "")
	c.unchanged(t, ns, before)
}

// standbyHolds kills a launcher whose blueprint says hold: the share stays until a person says what is to happen.
func standbyHolds(t *testing.T, c *cluster) {
	const ns = "food-holds"
	c.green(t, ns)
	before := c.snapshot(t, ns)
	requests := c.load(t, ns, 50, food.Service)
	l := c.launch(t, ns, halfForTen+"onSilence: hold\n", "--standby", "required")
	l.until(t, "traffic.shifted")
	must(t, "kill the launcher", l.cmd.Process.Signal(syscall.SIGKILL))
	eventually(t, "the standby holds", func() (bool, string) {
		said := c.status(t, ns)
		return strings.Contains(said, "Paused"), said
	})
	if !onBoth(requests) {
		t.Error("the share was not held")
	}
	asked := time.Now()
	c.say(t, ns, 0, "all traffic is on green", "abort", "foodsvc")
	t.Logf("the standby answered an abort within %s", time.Since(asked).Round(time.Millisecond))
	c.ends(t, ns, "RolledBack", "aborted by")
	served(t, requests, "")
	c.unchanged(t, ns, before)
}

// standbyGoesOn launches, leaves, and finds the new version settled later.
func standbyGoesOn(t *testing.T, c *cluster) {
	const ns = "food-detached"
	c.green(t, ns)
	before := c.snapshot(t, ns)
	requests := c.load(t, ns, 100, food.Service)
	l := c.launch(t, ns, strings.ReplaceAll(halfForTen, "10m", "5s"), "--detach")
	l.end(t, 0)
	if l.count("deployment.handed_over") != 1 || l.count("traffic.shifted") != 0 {
		t.Errorf("it did not leave at once:\n%s", l.told())
	}
	c.ends(t, ns, "Completed", "")
	served(t, requests, "")
	c.serves(t, ns, "2.1.0", food.Service)
	c.unchanged(t, ns, before, "deployments.apps/*", "replicasets.apps/*", "pods/*", "endpointslices.discovery.k8s.io/*")
}

// ends waits until the newest rollout of namespace ns ends that way.
func (c *cluster) ends(t *testing.T, ns, state, cause string) {
	t.Helper()
	eventually(t, "the rollout is "+state, func() (bool, string) {
		said := c.status(t, ns)
		return strings.Contains(said, state) && strings.Contains(said, cause), said
	})
}

// status is what the plugin says of the namespace's rollouts.
func (c *cluster) status(t *testing.T, ns string) string {
	t.Helper()
	said, err := plugin(t, append([]string{"list", "-n", ns}, c.flags()...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("list the rollouts: %v\n%s", err, said)
	}
	return string(said)
}

// events are the Kubernetes Events that the plugin wrote in namespace ns, one a line.
func (c *cluster) events(t *testing.T, ns string) string {
	t.Helper()
	list, err := c.client.CoreV1().Events(ns).List(t.Context(), metav1.ListOptions{})
	must(t, "list events", err)
	var all strings.Builder
	for _, e := range list.Items {
		if e.Source.Component == "kubectl-dro" {
			fmt.Fprintf(&all, "%s by %s on %s: %s: %s\n", e.Reason, e.Source.Component, e.InvolvedObject.Name, e.Source.Host, e.Message)
		}
	}
	return all.String()
}

// onGreenAlone says whether only the old version answered in the last two seconds, and someone was asking.
func onGreenAlone(l *load.Load) bool {
	old, new := lately(l)
	return old > 0 && new == 0
}

func onBoth(l *load.Load) bool {
	old, new := lately(l)
	return old > 0 && new > 0
}

func lately(l *load.Load) (old, new int) {
	for _, count := range l.Since(time.Now().Add(-2 * time.Second)) {
		switch count.Version {
		case "1.0.0":
			old += count.N
		case "2.1.0":
			new += count.N
		}
	}
	return old, new
}
