package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// stream is a made-up release: requests and failures of each round, cumulative, with gaps.
func stream(r *rand.Rand, n int, rate float64) []Round {
	var out []Round
	var bad, total, greenBad, greenTotal float64
	for range n {
		for range r.IntN(40) {
			total++
			greenTotal++
			if r.Float64() < rate {
				bad++
			}
			if r.Float64() < .01 {
				greenBad++
			}
		}
		round := Round{Blue: ratio(bad, total), Green: ratio(greenBad, greenTotal)}
		if r.IntN(10) == 0 {
			round.Blue.Missing = "time-out"
		}
		out = append(out, round)
	}
	return out
}

// A KPI that wants to be high is the mirror image of one that wants to be low.
func TestSuccessMirrorsErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[Verdict]int{}
	for range 1000 {
		errors := stream(r, 1+r.IntN(30), []float64{.001, .03, .2}[r.IntN(3)])
		var low, high State
		for _, e := range errors {
			a := low.Add(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 2%")}, e)
			e.Blue.Hits, e.Green.Hits = e.Blue.Total-e.Blue.Hits, e.Green.Total-e.Green.Hits
			b := high.Add(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "> 98%")}, e)
			seen[a.Verdict]++
			if a.Verdict != b.Verdict || a.Bad != b.Bad || math.Abs(a.Evidence-b.Evidence) > 1e-9*a.Evidence {
				t.Fatalf("%s (%s), but %s (%s)", a.Verdict, a.Reason, b.Verdict, b.Reason)
			}
		}
	}
	for _, v := range []Verdict{Steady, Inconclusive, Breached} {
		if seen[v] < 300 {
			t.Errorf("only %d verdicts were %s: the property says little", seen[v], v)
		}
	}
}

// Gaps and rounds without a new scrape change nothing: what counts is counted when it is next seen.
func TestRoundsWithoutNewsAddNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 2%")}
	for range 300 {
		all := slices.DeleteFunc(stream(r, 20, .03), func(r Round) bool { return r.Blue.Missing != "" })
		var plain, stuttering State
		for _, round := range all {
			want := plain.Add(rule, round)
			for range r.IntN(3) {
				gap := round
				gap.Blue.Missing = "time-out"
				stuttering.Add(rule, gap)
			}
			for range 1 + r.IntN(3) {
				if got := stuttering.Add(rule, round); !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v\nwant %+v", got, want)
				}
			}
		}
	}
}

// More bad requests in the last round never weigh less, and never make a verdict milder.
func TestMoreBadIsNeverMilder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	severity := func(v Verdict) int { return slices.Index([]Verdict{Steady, Inconclusive, Breached}, v) }
	for i := range 3000 {
		rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, []string{"< 0.5%", "< 5%", "<= 2%", "< 1.5x green"}[i%4])}
		var s State
		all := stream(r, 1+r.IntN(20), []float64{0, .01, .05, .3}[r.IntN(4)])
		for _, round := range all[:len(all)-1] {
			s.Add(rule, round)
		}
		text, _ := json.Marshal(s)
		var again State
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		final := all[len(all)-1]
		was := s.Add(rule, final)
		most := again.Last.Blue.Hits + final.Blue.Total - again.Last.Blue.Total
		final.Blue.Hits = max(final.Blue.Hits, min(final.Blue.Hits+float64(1+r.IntN(20)), most))
		if now := again.Add(rule, final); severity(now.Verdict) < severity(was.Verdict) {
			t.Fatalf("%s (%s) became %s (%s)", was.Verdict, was.Reason, now.Verdict, now.Reason)
		}
	}
}

// Clumps of failures that stay within the threshold on average, as a retrying client makes them, are no breach once
// they are known to be clumps.
func TestClumpsAreTempered(t *testing.T) {
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%"), Alpha: Alpha * 0.3}
	alarms, untempered := 0, 0
	const runs = 1000
	for i := range runs {
		r := rand.New(rand.NewPCG(uint64(i), 9))
		var s State
		var f Finding
		var raw Evidence
		bad, total := 0.0, 0.0
		rawAlarm := false
		for range 120 {
			now := 0.0
			if r.Float64() < .05 { // 3 failures every 20 rounds of 50 requests: 0.3 %
				now = 3
			}
			bad, total = bad+now, total+50
			f = s.Add(rule, Round{Blue: ratio(bad, total)})
			raw.add(over(Tally{now, 50}, .005), 1)
			rawAlarm = rawAlarm || raw.log(1) >= math.Log(1/rule.Alpha)
		}
		if f.Verdict == Breached {
			alarms++
		}
		if rawAlarm {
			untempered++
		}
	}
	t.Logf("%d of %d rolled back, %d without tempering", alarms, runs, untempered)
	if alarms > runs*2/100 || untempered < 2*alarms {
		t.Errorf("%d of %d rolled back, %d without tempering", alarms, runs, untempered)
	}
}

// Requests of a histogram are slow from the bound on that is at or above the threshold, and a threshold at a bound is
// judged exactly as the same counts of failures.
func TestQuantileIsTheSameTest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		var asShare, asRatio State
		c := []float64{0, 0, 0, 0}
		for range 10 {
			all := float64(r.IntN(100))
			slow := math.Floor(all * r.Float64() * .3)
			c[0], c[1], c[2], c[3] = c[0]+all-slow, c[1]+all-slow, c[2]+all, c[3]+all
			a := asShare.Add(Rule{Kind: blueprint.Quantile, Threshold: threshold(t, "<= 250ms"), Quantile: .9}, Round{Blue: latencies(c[0], c[1], c[2], c[3])})
			b := asRatio.Add(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 10%")}, Round{Blue: ratio(c[3]-c[1], c[3])})
			if a.Verdict != b.Verdict || a.Bad != b.Bad || math.Abs(a.Evidence-b.Evidence) > 1e-6*b.Evidence {
				t.Fatalf("%s (%s), but %s (%s)", a.Verdict, a.Reason, b.Verdict, b.Reason)
			}
		}
	}
}

// A day of rounds of 1,000 KPIs takes as much memory as the first minute.
func BenchmarkDay(b *testing.B) {
	states := make([]State, 1000)
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(b, "< 0.5%")}
	b.ReportAllocs()
	n := 0.0
	for b.Loop() {
		n++
		for i := range states {
			states[i].Add(rule, Round{Blue: ratio(math.Floor(n*.1), 50*n), Green: ratio(math.Floor(n*.1), 500*n)})
		}
	}
}
