package scenario

import (
	"syscall"
	"testing"

	"dro.dev/kubectl-dro/playground/food"
)

// short is a blueprint of one component that gives blue half of the traffic for as long as hold says.
func short(tag, hold, more string) string {
	return `
id: foodsvc-v9
images:
  - {svc: hms-svc-food, tag: "` + tag + `"}
phases:
  - {name: half, traffic: 50%, hold: ` + hold + `}
  - {name: full, traffic: 100%, hold: ` + hold + `}
keep: 0s
` + more
}

// interrupt sends the signals of an impatient person, and of a system that shuts down, while blue carries traffic.
func interrupt(t *testing.T, c *cluster) {
	for _, tc := range []struct {
		name, ns string
		signals  []syscall.Signal
	}{
		{"Ctrl-C twice", "food-interrupt", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}},
		{"SIGTERM", "food-terminate", []syscall.Signal{syscall.SIGTERM}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.green(t, tc.ns)
			before := c.snapshot(t, tc.ns)
			requests := c.load(t, tc.ns, 50, food.Service)
			l := c.launch(t, tc.ns, short("2.1.0", "60s", `kpi: {error_rate: "< 0.5%"}`))
			l.until(t, "traffic.shifted")
			for _, s := range tc.signals {
				must(t, "signal the plugin", l.cmd.Process.Signal(s))
			}
			l.end(t, 2)
			l.wentBack(t, 50, "interrupt")
			served(t, requests, "")
			c.unchanged(t, tc.ns, before)
		})
	}
}
