package judge

import (
	"math"
	"math/rand/v2"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// What is forecast is what then happens, to a fifth.
func TestForecastComesTrue(t *testing.T) {
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%"), Alpha: Alpha / 6}
	for _, times := range []float64{2, 5, 10, 60} {
		want, known := rule.Requests(times, Tally{}, .5)
		sum := 0
		const n = 200
		for i := range n {
			r := rand.New(rand.NewPCG(uint64(i), uint64(times)))
			var e Evidence
			at, _ := alarms(r, .005*times, 1e6, func(bad bool) bool {
				e.add(over(one(bad), .005), 1)
				return bad && e.log(1) >= math.Log(1/rule.Alpha)
			})
			sum += at
		}
		if got := float64(sum) / n; !known || math.Abs(got-want) > .2*got+2 {
			t.Errorf("%v times the threshold: forecast %v, it took %v", times, want, got)
		}
	}
}

func TestForecast(t *testing.T) {
	green := Tally{10, 1000}
	for name, tc := range map[string]struct {
		rule  Rule
		share float64
		least float64
		most  float64 // 0: not known
	}{
		"errors":           {Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%")}, .01, 80, 110},
		"success":          {Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "> 99.5%")}, .01, 80, 110},
		"latency":          {Rule{Kind: blueprint.Quantile, Quantile: .99, Threshold: threshold(t, "< 1s")}, .01, 40, 60},
		"beside green":     {Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 1.2x green")}, .01, 30, 60},
		"beside little":    {Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 1.2x green")}, .9, 200, 2000},
		"nothing may fail": {Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "<= 0%")}, .5, 0, 0},
		"all may fail":     {Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "<= 100%")}, .5, 0, 0},
		"a value":          {Rule{Kind: blueprint.Value, Threshold: threshold(t, "< 5")}, .5, 0, 0},
	} {
		n, known := tc.rule.Requests(10, green, tc.share)
		if known != (tc.most > 0) || n < tc.least || n > tc.most {
			t.Errorf("%s: %v requests (known: %v), want %v to %v", name, n, known, tc.least, tc.most)
		}
	}
}
