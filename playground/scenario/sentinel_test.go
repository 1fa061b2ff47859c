package scenario

import (
	"fmt"
	"slices"
	"testing"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/load"
)

// sentinelRuns is how many launches of each kind there are.
const sentinelRuns = 10

// TestSentinel measures, on a playground or a real cluster, how many requests a release that turns bad at 50% fails, and
// whether one that keeps to its threshold is left alone.
func TestSentinel(t *testing.T) {
	if !*measure {
		t.Skip("`make bench` measures")
	}
	c := connect(t)
	for _, s := range []struct {
		name, kpi string
		longer    int // seconds, that each canary is than the one before
		most      int // failed requests, in the median
	}{
		// With what it has served as a canary, a release turns bad at another moment between two scrapes each time.
		{"prometheus", `"< 0.5%"`, 5, 15},
		{"pods", `{source: pods, interval: 200ms, threshold: "< 0.5%"}`, 0, 8},
	} {
		t.Run("bad by "+s.name, func(t *testing.T) {
			failed := c.breach(t, "sentinel-"+s.name, s.kpi, s.longer)
			slices.Sort(failed)
			median := float64(failed[(sentinelRuns-1)/2]+failed[sentinelRuns/2]) / 2
			t.Logf("%s: median of failed requests %.1f, at most %d; all: %v", s.name, median, s.most, failed)
			if median > float64(s.most) {
				t.Errorf("the median is %.1f failed requests, and the budget is %d", median, s.most)
			}
		})
	}
	t.Run("fair", func(t *testing.T) {
		for n := range sentinelRuns {
			t.Run(fmt.Sprint(n+1), func(t *testing.T) {
				t.Parallel()
				c.fair(t, fmt.Sprintf("sentinel-fair-%d", n+1))
			})
		}
	})
}

// watched is a release of a tag that is watched at 1% for so many seconds, and at 50% for as long as hold says.
func watched(tag, kpi string, canary int, hold string) string {
	return fmt.Sprintf(`
id: foodsvc-v9
images: [{svc: hms-svc-food, tag: %s}]
kpi: {error_rate: %s}
phases: [{name: canary, traffic: 1%%, hold: %ds}, {name: half, traffic: 50%%, hold: %s}, {name: full, traffic: 100%%, hold: 2s}]
keep: 0s
`, tag, kpi, canary, hold)
}

// breach launches a release that fails 30% once it has served 100 requests, again and again, and returns how many
// requests each launch failed.
func (c *cluster) breach(t *testing.T, ns, kpi string, longer int) (failed []int) {
	c.green(t, ns)
	requests := c.load(t, ns, 100, food.Service)
	for n := range sentinelRuns {
		before := failedBy(t, requests, "broken")
		l := c.launch(t, ns, watched("broken", kpi, 5+n*longer, "2m"), "--standby", "off")
		l.end(t, 2)
		says(t, l.last("deployment.rolled_back").Error, "error_rate")
		if t.Failed() {
			t.FailNow()
		}
		failed = append(failed, failedBy(t, requests, "broken")-before)
	}
	return failed
}

// failedBy is how many requests a version has failed so far. No other failed one.
func failedBy(t *testing.T, requests *load.Load, version string) int {
	t.Helper()
	n := 0
	for _, count := range requests.Counts() {
		switch {
		case !count.Failed():
		case count.Version == version && count.Status == "500":
			n += count.N
		default:
			t.Errorf("%d requests failed: version %s, status %s", count.N, count.Version, count.Status)
		}
	}
	return n
}

// fair launches a release that fails 0.3% of its requests by luck: it goes all the way.
func (c *cluster) fair(t *testing.T, ns string) {
	c.green(t, ns)
	requests := c.load(t, ns, 100, food.Service)
	l := c.launch(t, ns, watched("fair", `"< 0.5%"`, 5, "60s"), "--standby", "off")
	l.end(t, 0)
	t.Logf("%s: of its requests %d failed", ns, failedBy(t, requests, "fair"))
	requests.Stop()
}
