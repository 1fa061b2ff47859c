package judge

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"text/tabwriter"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// runs is how many rollouts of each kind are simulated; make bench takes more than the test needs.
var runs = flag.Int("runs", 150, "simulated rollouts of each kind")

// release is a made-up release: the requests that blue gets each second, for how long, and how it fails.
type release struct {
	name    string
	seconds int
	rate    int     // requests a second
	bad     float64 // the share that fails
	clump   int     // failures that come together, for a client that tries again; 0: one by one
	healthy bool    // against < 0.5%
}

func releases() []release {
	return []release{
		{"healthy, 0.1 %", 60, 50, .001, 0, true},
		{"healthy, 0.3 %", 60, 50, .003, 0, true},
		{"healthy, 0.49 %", 60, 50, .0049, 0, true},
		{"bursty, 0.3 % in threes", 60, 50, .003, 3, true},
		{"low traffic, 0.1 %", 600, 1, .001, 0, true},
		{"low traffic, 0.3 %", 600, 1, .003, 0, true},
		{"slightly bad, 1 %", 600, 50, .01, 0, false},
		{"bad, 5 %", 60, 50, .05, 0, false},
		{"bad, 30 %", 60, 50, .3, 0, false},
		{"bursty, 5 % in threes", 60, 50, .05, 3, false},
		{"low traffic, 5 %", 600, 1, .05, 0, false},
		{"low traffic, 30 %", 600, 1, .3, 0, false},
	}
}

// stream is a release's counts second by second.
func (c release) stream(r *rand.Rand) []Tally {
	out := make([]Tally, c.seconds)
	size := max(c.clump, 1)
	for i := range out {
		bad := 0
		for range c.rate {
			if r.Float64() < c.bad/float64(size) {
				bad += size
			}
		}
		out[i] = Tally{float64(min(bad, c.rate)), float64(c.rate)}
	}
	return out
}

// rival is a way to judge a stream: back is the second in which it goes back, 0 if it doesn't.
type rival struct {
	name string
	back func(stream []Tally, rule Rule) int
}

func rivals() []rival {
	return []rival{
		{"dro", func(stream []Tally, rule Rule) int {
			var s State
			var sum Tally
			for i, t := range stream {
				sum.add(t)
				if s.Add(rule, Round{Blue: Counts{Hits: sum.Bad, Total: sum.Total}}).Verdict == Breached {
					return i + 1
				}
			}
			return 0
		}},
		// A controller at its floor: a check every 10 s of the last 10 s, one that misses the threshold goes back.
		{"window", func(stream []Tally, rule Rule) int {
			for i := 10; i <= len(stream); i += 10 {
				var last Tally
				for _, t := range stream[i-10 : i] {
					last.add(t)
				}
				if last.rate() >= rule.Threshold.Value {
					return i
				}
			}
			return 0
		}},
		// One at its fastest: a check every second of the last five, one that misses goes back.
		{"fastest", func(stream []Tally, rule Rule) int {
			for i := range stream {
				var last Tally
				for _, t := range stream[max(0, i-4) : i+1] {
					last.add(t)
				}
				if last.rate() >= rule.Threshold.Value {
					return i + 1
				}
			}
			return 0
		}},
	}
}

// outcome is how often a judge went back, and when: the median second, and blue's failed requests until then.
type outcome struct {
	back          float64
	seconds, lost int
}

func simulate(c release, by rival, rule Rule, n int) outcome {
	var seconds, lost []int
	for run := range n {
		stream := c.stream(rand.New(rand.NewPCG(uint64(run), 42)))
		at := by.back(stream, rule)
		if at == 0 {
			continue
		}
		var sum Tally
		for _, t := range stream[:at] {
			sum.add(t)
		}
		seconds, lost = append(seconds, at), append(lost, int(sum.Bad))
	}
	o := outcome{back: float64(len(seconds)) / float64(n)}
	if len(seconds) > 0 {
		slices.Sort(seconds)
		slices.Sort(lost)
		o.seconds, o.lost = seconds[len(seconds)/2], lost[len(lost)/2]
	}
	return o
}

// TestSimulatedRollouts shows what the judge is for: at most 1 % of healthy releases go back, and of the bad ones it is
// the first to tell among those that keep to that. make bench prints the table.
func TestSimulatedRollouts(t *testing.T) {
	// One KPI, in the first phase: it gets three tenths of what a rollout may do wrong.
	rule := Rule{Kind: blueprint.Ratio, Threshold: threshold(t, "< 0.5%"), Alpha: Alpha * 0.3}
	results := map[string][]outcome{}
	honest := map[string]bool{}
	for _, by := range rivals() {
		honest[by.name] = true
		for _, c := range releases() {
			o := simulate(c, by, rule, *runs)
			results[c.name] = append(results[c.name], o)
			honest[by.name] = honest[by.name] && (!c.healthy || o.back <= Alpha+2/float64(*runs))
		}
	}
	if testing.Verbose() {
		table(os.Stdout, results)
	}
	if !honest["dro"] {
		t.Error("more than 1 % of healthy releases went back")
	}
	for _, c := range releases() {
		ours := results[c.name][0]
		if c.healthy {
			continue
		}
		if c.bad >= .05 && ours.back < .99 {
			t.Errorf("%s: only %.0f %% went back", c.name, 100*ours.back)
		}
		for i, by := range rivals()[1:] {
			if theirs := results[c.name][i+1]; honest[by.name] && theirs.back >= ours.back && theirs.seconds < ours.seconds {
				t.Errorf("%s: %s goes back after %d s, we after %d s", c.name, by.name, theirs.seconds, ours.seconds)
			}
		}
	}
}

func table(out io.Writer, results map[string][]outcome) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%d rollouts of each kind against < 0.5%%: share that went back, after (median), blue's failed requests until then\n", *runs)
	fmt.Fprintln(w, "release\ttraffic\tdro\t\t\twindowed threshold\t\t\tfastest threshold\t\t\t")
	for _, c := range releases() {
		fmt.Fprintf(w, "%s\t%d s × %d/s\t", c.name, c.seconds, c.rate)
		for _, o := range results[c.name] {
			if o.back == 0 {
				fmt.Fprint(w, "0 %\t–\t–\t")
				continue
			}
			fmt.Fprintf(w, "%.3g %%\t%d s\t%d\t", 100*o.back, o.seconds, o.lost)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}
