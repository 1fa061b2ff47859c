package judge

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

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

func ratio(hits, total float64) Counts { return Counts{Hits: hits, Total: total} }

// rounds are of blue alone.
func rounds(blue ...Counts) []Round {
	var out []Round
	for _, c := range blue {
		out = append(out, Round{Blue: c})
	}
	return out
}

// last judges rounds one after the other and returns the last finding.
func last(rule Rule, all []Round) (f Finding) {
	var s State
	for _, r := range all {
		f = s.Add(rule, r)
	}
	return f
}

func expect(t *testing.T, got Finding, verdict Verdict, reason string) {
	t.Helper()
	if got.Verdict != verdict || !strings.Contains(got.Reason, reason) {
		t.Errorf("%s: %s\nwant %s: …%s…", got.Verdict, got.Reason, verdict, reason)
	}
}

func TestRatio(t *testing.T) {
	for name, tc := range map[string]struct {
		threshold string
		rounds    []Round
		want      Verdict
		reason    string
	}{
		"no requests":        {"< 0.5%", rounds(ratio(0, 0)), Inconclusive, "no blue requests yet"},
		"no series":          {"< 0.5%", rounds(Counts{Missing: "no series for x"}), Inconclusive, "no series for x"},
		"one good request":   {"< 0.5%", rounds(ratio(0, 1)), Inconclusive, "0% < 0.5%: 0 of 1 blue requests failed, too few to tell"},
		"one bad request":    {"< 0.5%", rounds(ratio(1, 1)), Inconclusive, "100% > 0.5%: 1 of 1 blue requests failed, too few to tell"},
		"none of some bad":   {"< 0.5%", rounds(ratio(0, 12)), Steady, "0% < 0.5%: 0 of 12 blue requests failed"},
		"one unlucky at 1 %": {"< 0.5%", rounds(ratio(1, 50)), Steady, "2% > 0.5%: 1 of 50 blue requests failed; that much is chance (evidence "},
		"looks bad":          {"< 0.5%", rounds(ratio(2, 20)), Inconclusive, "2 of 20 blue requests failed; it may be chance (evidence "},
		"looks bad, is well": {"< 0.5%", rounds(ratio(2, 20), ratio(2, 2000)), Steady, "0.1% < 0.5%: 2 of 2,000"},
		"three of ten":       {"< 0.5%", rounds(ratio(3, 10)), Breached, "30% > 0.5%: 3 of 10 blue requests failed; chance of this from a healthy release < 1 in 100 (evidence "},
		"many, a little bad": {"< 0.5%", rounds(ratio(100, 10014)), Breached, "1% > 0.5%: 100 of 10,014 blue requests failed; chance of this"},
		"within":             {"< 0.5%", rounds(ratio(4, 1000)), Steady, "0.4% < 0.5%: 4 of 1,000 blue requests failed"},
		"well within":        {"< 0.5%", rounds(ratio(4, 10000)), Steady, "0.04% < 0.5%: 4 of 10,000 blue requests failed; proven healthy (evidence "},
		"at the limit":       {"< 0.5%", rounds(ratio(50, 10000)), Steady, "0.5% = 0.5%"},
		"a breach stays one": {"< 0.5%", rounds(ratio(5, 10), ratio(5, 100000)), Breached, "5 of 100,000"},
		"a gap keeps it":     {"< 0.5%", rounds(ratio(2, 10), Counts{Missing: "time-out"}, ratio(6, 20)), Breached, "6 of 20"},
		"the last is a gap":  {"< 0.5%", rounds(ratio(5, 10), Counts{Missing: "time-out"}), Inconclusive, "time-out"},
		"success too low":    {"> 98%", rounds(ratio(880, 1000)), Breached, "88% < 98%: 120 of 1,000 blue requests failed"},
		"success high":       {"> 98%", rounds(ratio(99, 100)), Steady, "99% > 98%: 1 of 100 blue requests failed"},
		"all succeed":        {"> 98%", rounds(ratio(7, 7)), Steady, "100% > 98%"},
		"none may fail":      {"<= 0%", rounds(ratio(0, 10), ratio(1, 1000)), Breached, "1 of 1,000 blue requests failed"},
		"none may, none did": {"<= 0%", rounds(ratio(0, 10)), Steady, "0% = 0%"},
		"anything may":       {"<= 100%", rounds(ratio(100, 100)), Inconclusive, "too few to tell"},
		"more bad than all":  {"< 0.5%", rounds(ratio(2, 1)), Inconclusive, "don't belong together"},
		"less than nothing":  {"> 98%", rounds(ratio(-2, 5)), Inconclusive, "don't belong together"},
		"half a scrape":      {"< 0.5%", rounds(ratio(0, 100), ratio(5, 102), ratio(5, 5000)), Steady, "5 of 5,000"},
		"nothing new":        {"< 0.5%", rounds(ratio(1, 3), ratio(1, 3), ratio(1, 3)), Inconclusive, "1 of 3"},
		"green is needed":    {"< 1.2x green", rounds(ratio(3, 10)), Inconclusive, "30%, with nothing to compare it to: green had no requests"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, last(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, tc.threshold)}, tc.rounds), tc.want, tc.reason)
		})
	}
}

// The sentence's numbers are there as fields, too.
func TestFindingHasTheNumbers(t *testing.T) {
	f := last(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%"), Alpha: Alpha / 4}, rounds(ratio(0, 100), ratio(8, 150)))
	if f.Verdict != Breached || f.Bad != 8 || f.Total != 150 || f.Needed != 400 || f.Evidence < 400 || f.Health > 1 || *f.Limit != .005 {
		t.Errorf("%+v", f)
	}
	if !strings.Contains(f.Reason, "< 1 in 400 (evidence "+weight(f.Evidence)+")") {
		t.Error(f.Reason)
	}
	if f := last(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%")}, rounds(ratio(1, 4000))); !f.Proven || f.Health < 100 || f.Evidence > 1 {
		t.Errorf("%+v", f)
	}
}

func TestRatioRelativeToGreen(t *testing.T) {
	for name, tc := range map[string]struct {
		threshold   string
		blue, green Counts
		want        Verdict
		reason      string
	}{
		"worse":              {"< 1.2x green", ratio(24, 1000), ratio(6, 1000), Inconclusive, "2.4% > 0.72% (1.2x green's 0.6%): 24 of 1,000 blue requests failed; it may be chance"},
		"surely worse":       {"< 1.2x green", ratio(44, 1000), ratio(6, 1000), Breached, "4.4% > 0.72% (1.2x green's 0.6%): 44 of 1,000"},
		"as green":           {"< 1.2x green", ratio(6, 1000), ratio(6, 1000), Steady, "0.6% < 0.72%"},
		"green is perfect":   {"< 1.2x green", ratio(24, 1000), ratio(0, 1000), Breached, "2.4% > 0% (1.2x green's 0%)"},
		"both are perfect":   {"< 1.2x green", ratio(0, 1000), ratio(0, 1000), Steady, "0%"},
		"success below":      {"> 0.99x green", ratio(900, 1000), ratio(1000, 1000), Breached, "90% < 99% (0.99x green's 100%)"},
		"success as green":   {"> 0.99x green", ratio(995, 1000), ratio(1000, 1000), Steady, "99.5% > 99%"},
		"a small share":      {"< 2x green", ratio(8, 100), ratio(50, 9900), Breached, "8% > 1% (2x green's 0.51%)"},
		"green idle":         {"< 1.2x green", ratio(24, 1000), ratio(0, 0), Inconclusive, "green had no requests"},
		"green without data": {"< 1.2x green", ratio(24, 1000), Counts{Missing: "no series for y"}, Inconclusive, "no series for y"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, tc.threshold)}
			expect(t, last(rule, []Round{{Blue: tc.blue, Green: tc.green}}), tc.want, tc.reason)
		})
	}
}

// At 100 % on blue there is no green to compare with, so what is known of it must do.
func TestRelativeWithoutGreenTraffic(t *testing.T) {
	for name, tc := range map[string]struct {
		blue Counts
		want Verdict
	}{
		"within what green last had":    {ratio(9, 100), Steady},
		"well over what green last had": {ratio(60, 200), Breached},
	} {
		var s State
		rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 1.2x green")}
		s.Add(rule, Round{Blue: ratio(5, 50), Green: ratio(100, 1000)})
		s.Begin()
		got := s.Add(rule, Round{Blue: tc.blue})
		expect(t, got, tc.want, "1.2x green's last 10%")
		if got.Verdict != tc.want {
			t.Error(name)
		}
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
		"no requests":    {"< 250ms", latencies(0, 0, 0, 0), Counts{}, Inconclusive, "no blue requests yet"},
		"few, all quick": {"< 250ms", latencies(5, 5, 5, 5), Counts{}, Steady, "0 of 5 blue requests took longer than 250ms, where 1% may"},
		"too few":        {"< 250ms", latencies(1, 1, 1, 1), Counts{}, Inconclusive, "too few to tell"},
		"within":         {"< 250ms", latencies(980, 995, 1000, 1000), Counts{}, Steady, "200ms < 250ms: 5 of 1,000 blue requests took longer than 250ms"},
		"slow":           {"< 250ms", latencies(900, 950, 1000, 1000), Counts{}, Breached, "450ms > 250ms: 50 of 1,000 blue requests took longer than 250ms, where 1% may; chance of this"},
		"two of ten":     {"< 250ms", latencies(8, 8, 10, 10), Counts{}, Inconclusive, "it may be chance"},
		"between":        {"< 300ms", latencies(900, 950, 1000, 1000), Counts{}, Steady, "0 of 1,000 blue requests took longer than 500ms, where 1% may (no bucket ends at 300ms)"},
		"between, slow":  {"< 300ms", latencies(900, 920, 920, 1000), Counts{}, Breached, "more than 500ms > 300ms: 80 of 1,000 blue requests took longer than 500ms"},
		"above all":      {"< 250ms", latencies(0, 0, 0, 100), Counts{}, Breached, "more than 500ms > 250ms: 100 of 100"},
		"can't be told":  {"< 2s", latencies(0, 0, 0, 100), Counts{}, Inconclusive, "slower than the largest bucket bound 500ms"},
		"needn't":        {"< 2s", latencies(0, 0, 1000, 1000), Counts{}, Steady, "< 2s"},
		"at the top":     {"<= 500ms", latencies(0, 0, 0, 100), Counts{}, Breached, "more than 500ms > 500ms"},
		"slower than green": {"< 1.2x green", latencies(0, 0, 100, 200), latencies(0, 100, 100, 100), Breached,
			"500ms > 298ms (1.2x green's 248ms)"},
		"green idle": {"< 1.2x green", latencies(0, 0, 100, 100), latencies(0, 0, 0, 0), Inconclusive, "green had no requests"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := Rule{Kind: blueprint.Quantile, Threshold: threshold(t, tc.threshold), Quantile: .99}
			expect(t, last(rule, []Round{{Blue: tc.blue, Green: tc.green}}), tc.want, tc.reason)
		})
	}
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
		"a gap":       {"< 10", []Counts{value(11), {Missing: "time-out"}, value(11)}, nil, Breached, "11 > 10"},
		"missing":     {"< 10", []Counts{{Missing: "x is NaN"}}, nil, Inconclusive, "x is NaN"},
		"percent":     {"> 98%", []Counts{value(.97), value(.97)}, nil, Breached, "97% < 98%"},
		"relative":    {"> 0.5x green", []Counts{value(4), value(4)}, []Counts{value(10), value(10)}, Breached, "4 < 5 (0.5x green's 10)"},
		"no green":    {"> 0.5x green", []Counts{value(4)}, []Counts{{Missing: "no series for q"}}, Inconclusive, "4, with nothing to compare it to: no series for q"},
		"green's too": {"< 10", []Counts{value(11), value(12)}, []Counts{value(9), value(13)}, Breached, "12 > 10; green has 13 too: an outage"},
		"large":       {"< 1000", []Counts{value(1234567), value(1234567)}, nil, Breached, "1,234,567 > 1,000"},
	} {
		t.Run(name, func(t *testing.T) {
			in := rounds(tc.blue...)
			for i := range in {
				in[i].Green = Counts{Missing: "not asked"}
			}
			for i, g := range tc.green {
				in[i].Green = g
			}
			got := last(Rule{Kind: blueprint.Value, Threshold: threshold(t, tc.threshold), For: 2}, in)
			expect(t, got, tc.want, tc.reason)
			if got.Outage != (name == "green's too") {
				t.Errorf("outage: %v", got.Outage)
			}
		})
	}
}

func TestUnknownKindIsNoPass(t *testing.T) {
	expect(t, last(Rule{Kind: "mood"}, rounds(ratio(0, 100))), Inconclusive, `"mood" is not a kind of KPI`)
}

// When green has the same trouble, it isn't the release.
func TestOutage(t *testing.T) {
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%")}
	for name, tc := range map[string]struct {
		before, then Round // then comes on top of before
		outage, well bool
	}{
		"both at once":           {Round{ratio(0, 500), ratio(0, 500)}, Round{ratio(15, 550), ratio(14, 550)}, true, false},
		"both, a small share":    {Round{ratio(0, 50), ratio(20, 5000)}, Round{ratio(4, 60), ratio(420, 6000)}, true, false},
		"green is well":          {Round{ratio(0, 500), ratio(0, 500)}, Round{ratio(15, 550), ratio(0, 550)}, false, true},
		"green is a little over": {Round{ratio(1, 500), ratio(60, 5000)}, Round{ratio(50, 600), ratio(72, 6000)}, false, false},
		"green is idle":          {Round{ratio(0, 500), ratio(0, 0)}, Round{ratio(15, 550), ratio(0, 0)}, false, false},
	} {
		got := last(rule, []Round{tc.before, tc.then})
		if got.Verdict != Breached || got.Outage != tc.outage || got.GreenWell != tc.well {
			t.Errorf("%s: %s, outage %v, green well %v (%s)", name, got.Verdict, got.Outage, got.GreenWell, got.Reason)
		}
		if tc.outage != strings.Contains(got.Reason, "an outage, not the release") {
			t.Errorf("%s: %s", name, got.Reason)
		}
	}
}

// A change long after the baseline is found as fast as one at it, and told by what was counted since.
func TestALateChangeIsFound(t *testing.T) {
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%")}
	var s State
	total := 0.0
	for range 900 {
		total += 50
		if f := s.Add(rule, Round{Blue: ratio(0, total)}); total > 100 && f.Verdict != Steady {
			t.Fatal(f.Reason)
		}
	}
	bad, rounds := 0.0, 0
	var f Finding
	for ; f.Verdict != Breached && rounds < 10; rounds++ {
		total, bad = total+50, bad+15
		f = s.Add(rule, Round{Blue: ratio(bad, total)})
	}
	if rounds > 1 {
		t.Errorf("30 %% errors after a quarter of an hour: found after %d rounds", rounds)
	}
	expect(t, f, Breached, "30% > 0.5%: 15 of the last 50 blue requests failed")
}

func TestBeginForgetsTheEvidence(t *testing.T) {
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%")}
	var s State
	expect(t, s.Add(rule, Round{Blue: ratio(50, 100)}), Breached, "50 of 100")
	s.Begin()
	expect(t, s.Add(rule, Round{Blue: ratio(0, 0)}), Inconclusive, "no blue requests yet")
	expect(t, s.Add(rule, Round{Blue: ratio(0, 100)}), Steady, "0 of 100")
}

// A state that was written and read again goes on as if nothing had been.
func TestStateIsPlainData(t *testing.T) {
	for _, rule := range []Rule{
		{Kind: blueprint.Ratio, Threshold: threshold(t, "< 1.5x green")},
		{Kind: blueprint.Quantile, Threshold: threshold(t, "< 250ms"), Quantile: .9},
		{Kind: blueprint.Value, Threshold: threshold(t, "< 10"), For: 2},
	} {
		var s State
		for i := range 20 {
			n := float64(i + 1)
			c := Counts{Hits: n, Total: 50 * n, Value: n, Buckets: latencies(30*n, 45*n, 50*n, 50*n).Buckets}
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var again State
			if err := json.Unmarshal(text, &again); err != nil {
				t.Fatal(err)
			}
			want, got := s.Add(rule, Round{c, c}), again.Add(rule, Round{c, c})
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("%s, round %d: %+v\nwant %+v", rule.Kind, i, got, want)
			}
		}
	}
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
