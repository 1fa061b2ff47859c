package scenario

import "testing"

// TestScenarios runs every scenario on one cluster, each in a namespace of its own.
func TestScenarios(t *testing.T) {
	c := connect(t)
	for _, s := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"story", story},
		{"helm green", helmGreen},
		{"first launch", firstLaunch},
		{"interrupt", interrupt},
		{"steer", steer},
		{"after", after},
		{"standby", standby},
		{"kpis", kpis},
		{"bad input", badInput},
		{"traffic", realTraffic},
		{"no router", noRouter},
		{"people", people},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, c)
		})
	}
}
