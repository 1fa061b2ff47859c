package scenario

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"dro.dev/kubectl-dro/playground/food"
)

// steer drives a rollout from a second shell: through a pause and a manual gate to the end, and out of a test that hangs.
func steer(t *testing.T, c *cluster) {
	t.Run("pause, resume, promote", func(t *testing.T) {
		const ns = "food-steer"
		c.green(t, ns)
		requests := c.load(t, ns, 50, food.Service)
		l := c.launch(t, ns, `
id: foodsvc-v9
images:
  - {svc: hms-svc-food, tag: "2.1.0"}
phases:
  - {name: canary, traffic: 10%, hold: 2s, gate: manual}
  - {name: half, traffic: 50%, hold: 10m}
  - {name: full, traffic: 100%, hold: 2s}
keep: 0s
`)
		l.until(t, "deployment.waiting")
		c.say(t, ns, 0, "paused with 10% on blue", "pause", "foodsvc", "--reason", "lunch")
		l.until(t, "deployment.paused")
		c.say(t, ns, 0, "Paused", "list")
		c.say(t, ns, 0, "it goes on", "resume", "foodsvc-v9")
		l.until(t, "deployment.resumed")
		c.say(t, ns, 1, "driven by", "launch", save(t, short("2.0.0", "1s", "")))
		c.say(t, ns, 0, "promoted", "promote", "foodsvc-v9", "--full")
		l.end(t, 0)
		if l.share() != 100 || l.count("traffic.shifted") != 3 { // 10 %, 100 %, and green again: half was skipped
			t.Errorf("shares went wrong:\n%s", l.told())
		}
		served(t, requests, "")
		c.serves(t, ns, "2.1.0", food.Service)
		c.say(t, ns, 1, "is over: Completed", "abort", "foodsvc-v9")
		c.say(t, ns, 1, "the nearest are foodsvc-v9", "abort", "foodsvc-v8")
	})
	t.Run("pause of a test", func(t *testing.T) {
		const ns = "food-stand"
		c.green(t, ns)
		l := c.launch(t, ns, short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo asking; sleep 5"}]`), "--standby", "off")
		l.until(t, "test.log")
		c.say(t, ns, 0, "it pauses after this", "pause", "foodsvc")
		l.until(t, "deployment.paused")
		c.say(t, ns, 0, "Paused", "list")
		if l.share() != 0 || l.count("traffic.shifted") > 0 {
			t.Errorf("traffic moved:\n%s", l.told())
		}
		c.say(t, ns, 0, "it goes on", "resume", "foodsvc")
		l.end(t, 0)
		c.serves(t, ns, "2.1.0", food.Service)
	})
	t.Run("abort of a test that hangs", func(t *testing.T) {
		const ns = "food-abort"
		c.green(t, ns)
		before := c.snapshot(t, ns)
		l := c.launch(t, ns, short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo asking; sleep 300", timeout: 5m}]`))
		l.until(t, "test.log")
		asked := time.Now()
		c.say(t, ns, 0, "all traffic is on green", "abort", "foodsvc", "--reason", "enough")
		t.Logf("the abort took %s", time.Since(asked).Round(time.Millisecond))
		l.end(t, 2)
		says(t, l.last("deployment.rolled_back").Error, "aborted by", "enough")
		c.unchanged(t, ns, before)
		c.say(t, ns, 0, "nothing left to abort", "abort", "foodsvc")
	})
	t.Run("somebody edits the route", func(t *testing.T) {
		const ns = "food-drift"
		c.green(t, ns)
		before := c.snapshot(t, ns)
		l := c.launch(t, ns, short("2.1.0", "10m", ""), "--standby", "off")
		l.until(t, "kpi.sampled")
		routes := c.dynamic.Resource(httpRoutes).Namespace(ns)
		_, err := routes.Patch(t.Context(), food.Service, types.JSONPatchType,
			[]byte(`[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]`), metav1.PatchOptions{FieldManager: "somebody"})
		must(t, "edit the route", err)
		says(t, l.until(t, "warning").Message, "changed by somebody", "7", "putting it right")
		c.say(t, ns, 0, "all traffic is on green", "abort", "foodsvc")
		l.end(t, 2)
		c.unchanged(t, ns, before)
	})
	t.Run("abort while blue crash-loops", func(t *testing.T) {
		const ns = "food-crash"
		c.green(t, ns)
		before := c.snapshot(t, ns)
		l := c.launch(t, ns, short("2.1.0", "10m", ""))
		l.until(t, "traffic.shifted")
		c.crashLoop(t, ns, food.Service+"-blue")
		seen, asked := c.written(t, ns), time.Now()
		c.say(t, ns, 0, "all traffic is on green", "abort", "foodsvc")
		t.Logf("green's weight was written %s after the abort was typed", (<-seen).Sub(asked).Round(time.Millisecond))
		l.end(t, 2)
		c.serves(t, ns, "1.0.0", food.Service)
		c.unchanged(t, ns, before)
	})
}

// crashLoop gives a Deployment pods that end at once, and returns when one has ended twice.
func (c *cluster) crashLoop(t *testing.T, ns, deployment string) {
	t.Helper()
	deployments := c.client.AppsV1().Deployments(ns)
	d, err := deployments.Get(t.Context(), deployment, metav1.GetOptions{})
	must(t, "read the deployment", err)
	d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	d.Spec.Template.Spec.Containers[0].Image = "localhost/" + food.Service + ":crash"
	_, err = deployments.Update(t.Context(), d, metav1.UpdateOptions{})
	must(t, "change the deployment", err)
	selector := metav1.FormatLabelSelector(d.Spec.Selector)
	eventually(t, deployment+" crash-loops", func() (bool, string) {
		pods, err := c.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: selector})
		must(t, "list pods", err)
		for _, p := range pods.Items {
			for _, status := range p.Status.ContainerStatuses {
				if status.RestartCount > 0 && status.State.Waiting != nil {
					return true, ""
				}
			}
		}
		return false, fmt.Sprintf("%d pods", len(pods.Items))
	})
}

// say runs another command of the plugin and checks its exit code and what it says.
func (c *cluster) say(t *testing.T, ns string, exit int, want string, args ...string) {
	t.Helper()
	cmd := plugin(t, append(append(args, "-n", ns), c.flags()...)...)
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("run the plugin: %v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != exit {
		t.Errorf("%q: exit code %d, want %d:\n%s", args, got, exit, said)
	}
	says(t, string(said), want)
}
