package scenario

import (
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

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
		timeline := follow(func() int { return failedBy(t, requests, "broken") - before })
		l := c.launch(t, ns, watched("broken", kpi, 5+n*longer, "2m"), "--standby", "off")
		l.end(t, 2)
		says(t, l.last("deployment.rolled_back").Error, "error_rate")
		if t.Failed() {
			t.FailNow()
		}
		timeline.stop()
		t.Log(timeline.told(l))
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

// timeline is how many requests had failed at which moment.
type timeline struct {
	end   chan struct{}
	ended chan struct{}
	at    []time.Time // of each failed request
}

func follow(count func() int) *timeline {
	l := &timeline{end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-l.end:
				return
			case now := <-tick.C:
				for range count() - len(l.at) {
					l.at = append(l.at, now)
				}
			}
		}
	}()
	return l
}

func (l *timeline) stop() { close(l.end); <-l.ended }

// told says what became of the failed requests: when the first came after the shift, how many there were when the breach was
// seen, and when green's weight was written, and in the end.
func (l *timeline) told(of *launch) string {
	if len(l.at) == 0 {
		return "nothing failed"
	}
	until := func(at time.Time) string {
		n := sort.Search(len(l.at), func(i int) bool { return l.at[i].After(at) })
		return fmt.Sprintf("%d by %v", n, at.Sub(l.at[0]).Round(10*time.Millisecond))
	}
	back := of.last("deployment.rolling_back")
	shift := of.last("traffic.shifted").Time
	for _, e := range of.events {
		if e.Type == "traffic.shifted" && e.Traffic != nil && *e.Traffic == 50 {
			shift = e.Time
		}
	}
	return fmt.Sprintf("the first %v after the shift; when the breach was seen %s, written %s, all %d by %v", l.at[0].Sub(shift).Round(10*time.Millisecond),
		until(back.Time.Add(-time.Duration(back.Took*float64(time.Second)))), until(back.Time), len(l.at), l.at[len(l.at)-1].Sub(l.at[0]).Round(10*time.Millisecond))
}
