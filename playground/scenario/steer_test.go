package scenario

import (
	"testing"
	"time"

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
		c.say(t, ns, 1, "known: foodsvc-v9", "abort", "foodsvc-v8")
	})
	t.Run("abort of a test that hangs", func(t *testing.T) {
		const ns = "food-abort"
		c.green(t, ns)
		before := c.snapshot(t, ns)
		l := c.launch(t, ns, short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo asking; sleep 300", timeout: 5m}]`))
		l.until(t, "test.log")
		asked := time.Now()
		c.say(t, ns, 0, "all traffic is on green", "abort", "foodsvc", "--reason", "enough")
		if took := time.Since(asked); took > 10*time.Second {
			t.Errorf("the abort took %s, as long as an answer is waited for", took)
		}
		l.end(t, 2)
		says(t, l.last("deployment.rolled_back").Error, "aborted by", "enough")
		c.unchanged(t, ns, before)
		c.say(t, ns, 0, "nothing left to abort", "abort", "foodsvc")
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
