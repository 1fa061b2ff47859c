package judge

import (
	"math"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

func threshold(t testing.TB, text string) blueprint.Threshold {
	t.Helper()
	out, err := blueprint.ParseThreshold(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rounds are two seconds apart.
func rounds(blue ...Counts) []Round {
	var out []Round
	for i, c := range blue {
		out = append(out, Round{At: time.Duration(i+1) * 2 * time.Second, Blue: c})
	}
	return out
}

func ratio(hits, total float64) Counts { return Counts{Hits: hits, Total: total} }

func TestRatio(t *testing.T) {
	for name, tc := range map[string]struct {
		threshold string
		rounds    []Round
		want      Verdict
		reason    string
	}{
		"nothing sampled": {"< 0.5%", nil, Inconclusive, "nothing has been sampled yet"},
		"no requests":     {"< 0.5%", rounds(ratio(0, 0)), Inconclusive, "no blue requests yet"},
		"no requests for long": {"< 0.5%", []Round{{At: time.Second, Blue: ratio(9, 9)}, {At: 40 * time.Second, Blue: ratio(9, 9)}},
			Inconclusive, "no blue requests in the last 39s"},
		"no series":          {"< 0.5%", rounds(Counts{Missing: "no series for x"}), Inconclusive, "no series for x"},
		"none bad":           {"< 0.5%", rounds(ratio(0, 12)), Steady, "0% < 0.5%: 0 of 12 blue requests"},
		"one unlucky at 1 %": {"< 0.5%", rounds(ratio(1, 50)), Inconclusive, "2% > 0.5%, but 1 of 50 blue requests is too few to tell"},
		"two, twice":         {"< 0.5%", rounds(ratio(2, 50), ratio(2, 50)), Inconclusive, "too few"},
		"three of ten, first seen": {"< 0.5%", rounds(ratio(3, 10)), Inconclusive,
			"30% > 0.5%: 3 of 10 blue requests (breach 1 of 2)"},
		"three of ten, still":      {"< 0.5%", rounds(ratio(3, 10), ratio(3, 10)), Breached, "30% > 0.5%: 3 of 10 blue requests"},
		"within":                   {"< 0.5%", rounds(ratio(4, 1000)), Steady, "0.4% < 0.5%: 4 of 1,000 blue requests"},
		"just over":                {"< 0.5%", rounds(ratio(5001, 1e6), ratio(5001, 1e6)), Breached, "0.5001% > 0.5%: 5,001 of 1,000,000 blue requests"},
		"at the limit of <":        {"< 0.5%", rounds(ratio(5, 1000), ratio(5, 1000)), Breached, "0.5% = 0.5%: 5 of 1,000 blue requests"},
		"at the limit of <=":       {"<= 0.5%", rounds(ratio(5, 1000), ratio(5, 1000)), Steady, "0.5% = 0.5%"},
		"recovered":                {"< 10%", rounds(ratio(3, 10), ratio(3, 100)), Steady, "3% < 10%"},
		"a gap does not acquit":    {"< 0.5%", rounds(ratio(3, 10), Counts{Missing: "time-out"}, ratio(4, 12)), Breached, "33% > 0.5%"},
		"the last one is a gap":    {"< 0.5%", rounds(ratio(3, 10), ratio(3, 10), Counts{Missing: "time-out"}), Inconclusive, "time-out"},
		"success too low":          {"> 98%", rounds(ratio(97, 100), ratio(194, 200)), Breached, "97% < 98%: 194 of 200 blue requests"},
		"success high enough":      {"> 98%", rounds(ratio(99, 100)), Steady, "99% > 98%: 99 of 100 blue requests"},
		"all succeed":              {"> 98%", rounds(ratio(1, 1)), Steady, "100% > 98%"},
		"one of one fails":         {"> 98%", rounds(ratio(0, 1)), Inconclusive, "too few"},
		"more hits than requests":  {"< 0.5%", rounds(ratio(2, 1)), Inconclusive, "don't belong together"},
		"fewer hits than before":   {"> 98%", rounds(ratio(-2, 5)), Inconclusive, "don't belong together"},
		"green's number is needed": {"< 1.2x green", rounds(ratio(3, 10), ratio(3, 10)), Inconclusive, "30%, with nothing to compare it to: green had no requests"},
		"old breaches slide out": {"< 0.5%", []Round{
			{At: time.Second, Blue: ratio(50, 100)}, {At: 2 * time.Second, Blue: ratio(50, 100)},
			{At: 32 * time.Second, Blue: ratio(50, 1000)}}, Steady, "0% < 0.5%: 0 of 900 blue requests"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, tc.threshold), For: 2}
			expect(t, Judge(rule, tc.rounds), tc.want, tc.reason)
		})
	}
}

func expect(t *testing.T, got Finding, verdict Verdict, reason string) {
	t.Helper()
	if got.Verdict != verdict || !strings.Contains(got.Reason, reason) {
		t.Errorf("%s: %s\nwant %s: …%s…", got.Verdict, got.Reason, verdict, reason)
	}
}

func TestRatioRelativeToGreen(t *testing.T) {
	for name, tc := range map[string]struct {
		threshold   string
		blue, green Counts
		want        Verdict
		reason      string
	}{
		"worse":              {"< 1.2x green", ratio(24, 1000), ratio(6, 1000), Breached, "2.4% > 0.72% (1.2x green's 0.6%): 24 of 1,000"},
		"as green":           {"< 1.2x green", ratio(6, 1000), ratio(6, 1000), Steady, "0.6% < 0.72%"},
		"green is perfect":   {"< 1.2x green", ratio(24, 1000), ratio(0, 1000), Breached, "2.4% > 0% (1.2x green's 0%)"},
		"both are perfect":   {"< 1.2x green", ratio(0, 1000), ratio(0, 1000), Steady, "0%"},
		"success below":      {"> 0.99x green", ratio(900, 1000), ratio(1000, 1000), Breached, "90% < 99% (0.99x green's 100%)"},
		"green idle":         {"< 1.2x green", ratio(24, 1000), ratio(0, 0), Inconclusive, "green had no requests"},
		"green without data": {"< 1.2x green", ratio(24, 1000), Counts{Missing: "no series for y"}, Inconclusive, "no series for y"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, tc.threshold), For: 1}
			expect(t, Judge(rule, []Round{{At: time.Second, Blue: tc.blue, Green: tc.green}}), tc.want, tc.reason)
		})
	}
}

// latencies are cumulative counts up to 100ms, 250ms, 500ms and above.
func latencies(to100, to250, to500, all float64) Counts {
	return Counts{Buckets: []Bucket{{.1, to100}, {.25, to250}, {.5, to500}, {math.Inf(1), all}}}
}

func TestQuantile(t *testing.T) {
	for name, tc := range map[string]struct {
		threshold   string
		blue, green Counts
		want        Verdict
		reason      string
	}{
		"no requests":      {"< 250ms", latencies(0, 0, 0, 0), latencies(9, 9, 9, 9), Inconclusive, "no blue requests yet"},
		"no buckets":       {"< 250ms", Counts{}, Counts{}, Inconclusive, "no blue requests"},
		"all fast":         {"< 250ms", latencies(5, 5, 5, 5), Counts{}, Steady, "0 of 5 blue requests took longer"},
		"within":           {"< 250ms", latencies(980, 995, 1000, 1000), Counts{}, Steady, "200ms < 250ms: 5 of 1,000 blue requests took longer"},
		"slow":             {"< 250ms", latencies(900, 980, 1000, 1000), Counts{}, Breached, "375ms > 250ms: 20 of 1,000 blue requests took longer"},
		"two slow of few":  {"< 250ms", latencies(8, 8, 10, 10), Counts{}, Inconclusive, "2 of 10 blue requests took longer, too few to tell"},
		"between, over":    {"< 300ms", latencies(900, 980, 1000, 1000), Counts{}, Breached, "estimated between the bucket bounds 250ms and 500ms"},
		"between, within":  {"< 450ms", latencies(900, 980, 1000, 1000), Counts{}, Steady, "375ms < 450ms"},
		"above all bounds": {"< 250ms", latencies(0, 0, 0, 100), Counts{}, Breached, "more than 500ms > 250ms: 100 of 100"},
		"can't be told":    {"< 2s", latencies(0, 0, 0, 100), Counts{}, Inconclusive, "slower than the largest bucket bound 500ms"},
		"at the top":       {"<= 500ms", latencies(0, 0, 0, 100), Counts{}, Breached, "more than 500ms > 500ms"},
		"slower than green": {"< 1.2x green", latencies(0, 0, 100, 100), latencies(0, 100, 100, 100), Breached,
			"498ms > 298ms (1.2x green's 248ms)"},
		"green idle": {"< 1.2x green", latencies(0, 0, 100, 100), latencies(0, 0, 0, 0), Inconclusive, "green had no requests"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := Rule{Kind: blueprint.Quantile, Threshold: threshold(t, tc.threshold), Quantile: .99, For: 1}
			expect(t, Judge(rule, []Round{{At: time.Second, Blue: tc.blue, Green: tc.green}}), tc.want, tc.reason)
		})
	}
}

func TestQuantileCountsTheWindowOnly(t *testing.T) {
	rule := Rule{Kind: blueprint.Quantile, Threshold: threshold(t, "< 250ms"), Quantile: .99, For: 1}
	got := Judge(rule, []Round{
		{At: time.Second, Blue: latencies(0, 0, 500, 500)},
		{At: 32 * time.Second, Blue: latencies(200, 200, 700, 700)},
	})
	expect(t, got, Steady, "0 of 200 blue requests took longer")
}

func TestValue(t *testing.T) {
	value := func(v float64) Counts { return Counts{Value: v} }
	for name, tc := range map[string]struct {
		threshold   string
		blue, green []Counts
		want        Verdict
		reason      string
	}{
		"within":      {"< 10", []Counts{value(9)}, nil, Steady, "9 < 10"},
		"over once":   {"< 10", []Counts{value(9), value(12.25)}, nil, Inconclusive, "12.2 > 10 (breach 1 of 2)"},
		"over twice":  {"< 10", []Counts{value(11), value(12)}, nil, Breached, "12 > 10"},
		"interrupted": {"< 10", []Counts{value(11), value(9), value(11)}, nil, Inconclusive, "breach 1 of 2"},
		"missing":     {"< 10", []Counts{{Missing: "x is NaN"}}, nil, Inconclusive, "x is NaN"},
		"percent":     {"> 98%", []Counts{value(.97), value(.97)}, nil, Breached, "97% < 98%"},
		"relative":    {"> 0.5x green", []Counts{value(4), value(4)}, []Counts{value(10), value(10)}, Breached, "4 < 5 (0.5x green's 10)"},
		"no green":    {"> 0.5x green", []Counts{value(4)}, []Counts{{Missing: "no series for q"}}, Inconclusive, "4, with nothing to compare it to: no series for q"},
		"large":       {"< 1000", []Counts{value(1234567), value(1234567)}, nil, Breached, "1,234,567 > 1,000"},
	} {
		t.Run(name, func(t *testing.T) {
			in := rounds(tc.blue...)
			for i, g := range tc.green {
				in[i].Green = g
			}
			rule := Rule{Kind: blueprint.Value, Threshold: threshold(t, tc.threshold), For: 2}
			expect(t, Judge(rule, in), tc.want, tc.reason)
		})
	}
}

func TestUnknownKindIsNoPass(t *testing.T) {
	expect(t, Judge(Rule{Kind: "mood"}, rounds(ratio(0, 100))), Inconclusive, `"mood" is not a kind of KPI`)
}

func TestFormat(t *testing.T) {
	percent := Rule{Kind: blueprint.Ratio}
	latency := Rule{Kind: blueprint.Quantile}
	plain := Rule{Kind: blueprint.Value}
	for _, tc := range []struct {
		rule Rule
		v    float64
		want string
	}{
		{percent, 0, "0%"}, {percent, 1, "100%"}, {percent, .007, "0.7%"}, {percent, .0213, "2.1%"}, {percent, .9995, "99.95%"},
		{percent, .5, "50%"}, {percent, .000001, "0.0001%"}, {latency, .212, "212ms"}, {latency, .0004, "0.4ms"}, {latency, 1.254, "1.25s"},
		{latency, 0, "0ms"}, {latency, .9999, "1s"}, {plain, 12.345, "12.3"}, {plain, 0, "0"}, {plain, -1234.5, "-1,234"}, {plain, 999, "999"},
	} {
		if got := tc.rule.Format(tc.v); got != tc.want {
			t.Errorf("%s %v: %s, want %s", tc.rule.Kind, tc.v, got, tc.want)
		}
	}
}

func TestRelativeWithoutGreenTraffic(t *testing.T) {
	green := 0.1
	for name, tc := range map[string]struct {
		last *float64
		blue []Round
		want Verdict
	}{
		"nothing to compare with":          {nil, rounds(ratio(9, 100), ratio(18, 200)), Inconclusive},
		"within what green last had":       {&green, rounds(ratio(9, 100), ratio(18, 200)), Steady},
		"well over what green last had":    {&green, rounds(ratio(30, 100), ratio(60, 200)), Breached},
		"green's own number is still best": {&green, []Round{{At: time.Second, Blue: ratio(30, 100), Green: ratio(30, 100)}}, Steady},
	} {
		rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 1.2x green"), For: 2, LastGreen: tc.last}
		if got := Judge(rule, tc.blue); got.Verdict != tc.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Verdict, got.Reason, tc.want)
		}
	}
}
