package judge

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// stream is a made-up release: requests and failures of each round, cumulative.
func stream(r *rand.Rand, n int, rate float64) []Round {
	var out []Round
	var bad, total, greenBad, greenTotal float64
	for i := range n {
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
		round := Round{At: time.Duration(i+1) * 3 * time.Second, Blue: ratio(bad, total), Green: ratio(greenBad, greenTotal)}
		if r.IntN(10) == 0 {
			round.Blue.Missing = "time-out"
		}
		out = append(out, round)
	}
	return out
}

func severity(v Verdict) int {
	return slices.Index([]Verdict{Steady, Inconclusive, Breached}, v)
}

// More of what is bad, in whichever round, never makes a verdict milder than it was.
func TestMoreBadIsNeverMilder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[Verdict]int{}
	for i := range 3000 {
		rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, []string{"< 0.5%", "< 5%", "<= 2%", "< 1.5x green"}[i%4]), For: 1 + i%3}
		before := stream(r, 1+r.IntN(30), []float64{0, .01, .05, .3}[r.IntN(4)])
		after := slices.Clone(before)
		for from, extra := r.IntN(len(after)), float64(1+r.IntN(20)); from < len(after); from++ {
			b := &after[from].Blue
			b.Hits = min(b.Hits+extra, b.Total)
		}
		if !rising(after) {
			continue
		}
		was, is := Judge(rule, before), Judge(rule, after)
		seen[was.Verdict]++
		if severity(is.Verdict) < severity(was.Verdict) {
			t.Fatalf("case %d, %s for %d: %s (%s) became %s (%s)\n%+v\n%+v", i, rule.Threshold, rule.For, was.Verdict, was.Reason, is.Verdict, is.Reason, before, after)
		}
	}
	for _, v := range []Verdict{Steady, Inconclusive, Breached} {
		if seen[v] < 100 {
			t.Errorf("only %d cases were %s: the property says little", seen[v], v)
		}
	}
}

// rising says whether the failures still only ever grow, and never faster than the requests.
func rising(rounds []Round) bool {
	last := Counts{}
	for _, r := range rounds {
		bad, total := r.Blue.Hits-last.Hits, r.Blue.Total-last.Total
		if bad < 0 || bad > total {
			return false
		}
		last = r.Blue
	}
	return true
}

// A KPI that wants to be high is the mirror image of one that wants to be low.
func TestSuccessMirrorsErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		errors := stream(r, 1+r.IntN(30), .03)
		successes := slices.Clone(errors)
		for i := range successes {
			successes[i].Blue.Hits = errors[i].Blue.Total - errors[i].Blue.Hits
		}
		low := Judge(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 2%"), For: 2}, errors)
		high := Judge(Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "> 98%"), For: 2}, successes)
		if low.Verdict != high.Verdict || low.Breaches != high.Breaches {
			t.Fatalf("%s (%s), but %s (%s)", low.Verdict, low.Reason, high.Verdict, high.Reason)
		}
	}
}

// Rounds that are spare can go without any later verdict noticing.
func TestSpareRoundsAreSpare(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	dropped := 0
	for i := range 200 {
		rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 4%"), For: 1 + i%4}
		all := stream(r, 120, .04)
		var kept []Round
		for n, round := range all {
			kept = append(kept, round)
			spare := Spare(rule, kept)
			dropped += spare
			kept = kept[spare:]
			if want, got := Judge(rule, all[:n+1]), Judge(rule, kept); !reflect.DeepEqual(want, got) {
				t.Fatalf("round %d: %s, with %d rounds kept %s", n, show(want), len(kept), show(got))
			}
		}
	}
	if dropped == 0 {
		t.Error("no round was ever spare")
	}
}

func show(f Finding) string { return fmt.Sprintf("%s (%s)", f.Verdict, f.Reason) }

// The quantile's estimate keeps to what the buckets say: a limit at a bucket bound is judged exactly.
func TestQuantileIsExactAtBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 3000 {
		var counts []float64
		for range 4 {
			counts = append(counts, float64(r.IntN(300)))
		}
		slices.Sort(counts)
		c := latencies(counts[0], counts[1], counts[2], counts[3])
		if counts[3] == 0 {
			continue
		}
		got := Judge(Rule{Kind: blueprint.Quantile, Threshold: threshold(t, "<= 250ms"), Quantile: .9, For: 1}, []Round{{At: time.Second, Blue: c}})
		slow := counts[3] - counts[1]
		want := Steady
		switch over := counts[1] < .9*counts[3]; {
		case over && slow < enough:
			want = Inconclusive
		case over:
			want = Breached
		}
		if got.Verdict != want {
			t.Fatalf("%v: %s, want %s", counts, show(got), want)
		}
	}
}
