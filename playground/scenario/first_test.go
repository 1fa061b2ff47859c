package scenario

import (
	"path/filepath"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/playground/food"
)

// firstLaunch launches into a namespace without green: what is launched becomes green, or nothing stays.
func firstLaunch(t *testing.T, c *cluster) {
	chart, err := filepath.Abs(filepath.Join(testdata, "charts/food"))
	must(t, "find the chart", err)
	for _, tc := range []struct {
		name, ns, image, test string
		exit                  int
	}{
		{"from an image", "food-first", "image: localhost/hms-svc-food", "curl -f http://blue.food-first/healthz", 0},
		{"from a chart", "food-chart", "chart: " + chart + ", set: [name=hms-svc-food, image.repository=localhost/hms-svc-food, route.host=food.example]",
			"curl -f http://blue.food-chart/healthz", 0},
		{"with a failing test", "food-gone", "image: localhost/hms-svc-food", "echo no licence; exit 7", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.namespace(t, tc.ns)
			before := c.snapshot(t, tc.ns)
			l := c.launch(t, tc.ns, `
id: foodsvc-v2.1
images:
  - {svc: hms-svc-food, tag: "2.1.0", `+tc.image+`}
tests:
  - {name: smoke, cmd: `+tc.test+`}
phases:
  - {name: full, traffic: 100%, hold: 1s}
`)
			l.end(t, tc.exit)
			if tc.exit == 2 {
				says(t, l.last("deployment.rolled_back").Error, "smoke", "7")
				c.unchanged(t, tc.ns, before)
				return
			}
			if image := c.images(t, tc.ns)[food.Service]; !strings.HasSuffix(image, "hms-svc-food:2.1.0") {
				t.Errorf("green runs %q, want 2.1.0", image)
			}
			c.helm(t, tc.ns, "uninstall", food.Service)
			c.unchanged(t, tc.ns, before)
		})
	}
}
