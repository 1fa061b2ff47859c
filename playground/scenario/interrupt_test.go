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

// interrupt sends the signals of a person who thinks better of it, and of a system that shuts down, while blue carries
// traffic.
func interrupt(t *testing.T, c *cluster) {
	for _, tc := range []struct {
		name, ns string
		signal   syscall.Signal
	}{
		{"Ctrl-C", "food-interrupt", syscall.SIGINT},
		{"SIGTERM", "food-terminate", syscall.SIGTERM},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.green(t, tc.ns)
			before := c.snapshot(t, tc.ns)
			requests := c.load(t, tc.ns, 50, food.Service)
			l := c.launch(t, tc.ns, short("2.1.0", "60s", `kpi: {error_rate: "< 0.5%"}`))
			l.until(t, "traffic.shifted")
			must(t, "signal the plugin", l.cmd.Process.Signal(tc.signal))
			l.end(t, 2)
			l.wentBack(t, 50, tc.signal.String())
			served(t, requests, "")
			c.unchanged(t, tc.ns, before)
		})
	}
}
