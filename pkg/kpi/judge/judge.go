package judge

import (
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Window is how far back a verdict looks, unless the baseline is nearer.
const Window = 30 * time.Second

// enough is how many bad requests a breach needs. One or two may be chance, whatever their share is.
const enough = 3

// Verdict is what the judge thinks of a KPI.
type Verdict string

// The verdicts. Absence of data is Inconclusive, never Steady.
const (
	Steady       Verdict = "steady"
	Breached     Verdict = "breached"
	Inconclusive Verdict = "inconclusive"
)

// Rule is what is asked of a KPI.
type Rule struct {
	Kind      blueprint.KPIKind
	Threshold blueprint.Threshold
	Quantile  float64 // of a quantile: 0.99
	For       int     // consecutive rounds over the threshold that make a breach

	// LastGreen is green's number while it still carried traffic. A relative threshold falls back to it: at 100 % on
	// blue there is no green to compare with.
	LastGreen *float64
}

// Counts is what one slot has counted since the baseline. Which fields matter is the rule's kind.
type Counts struct {
	Hits    float64  // ratio: requests of the kind the KPI names
	Total   float64  // ratio: all requests
	Buckets []Bucket // quantile: cumulative, by rising bound, the last one +Inf
	Value   float64  // value: the number itself, which is not cumulative
	Missing string   // why there is no number; empty when there is one
}

// Bucket counts the requests that took at most Bound seconds.
type Bucket struct{ Bound, Count float64 }

// Round is one sampling of both slots.
type Round struct {
	At          time.Duration // since the baseline, which is a round at 0 with nothing counted
	Blue, Green Counts
}

// Finding is a verdict with what led to it.
type Finding struct {
	Verdict     Verdict
	Blue, Green *float64 // shares, seconds or plain numbers; nil when not known
	Limit       *float64 // the threshold in force; nil when it depends on green and green has no data
	Breaches    int      // consecutive rounds over the threshold, at most the rule's For
	Reason      string   // the verdict in a sentence
}

// Judge says how a KPI stands after the last of rounds, which are in order of time. Rounds without a number neither
// count as breaches nor end a run of them.
func Judge(rule Rule, rounds []Round) Finding {
	if len(rounds) == 0 {
		return Finding{Verdict: Inconclusive, Reason: "nothing has been sampled yet"}
	}
	last := look(rule, rounds)
	if last.Verdict != Breached {
		return last
	}
	need := max(rule.For, 1)
	for i := len(rounds); i > 0 && last.Breaches < need; i-- {
		if r := rounds[i-1]; r.Blue.Missing != "" {
			continue
		}
		if look(rule, rounds[:i]).Verdict != Breached {
			break
		}
		last.Breaches++
	}
	if last.Breaches < need {
		last.Verdict = Inconclusive
		last.Reason += fmt.Sprintf(" (breach %d of %d)", last.Breaches, need)
	}
	return last
}

// Spare is how many of the oldest rounds no later verdict can depend on.
func Spare(rule Rule, rounds []Round) int {
	needed := 0
	for i := len(rounds) - 1; i >= 0; i-- {
		if rounds[i].Blue.Missing == "" {
			needed++
		}
		// The round before the oldest verdict's window is where that window starts.
		if needed >= max(rule.For, 1) {
			return max(start(rounds[:i+1]), 0)
		}
	}
	return 0
}

// look judges the window that ends with the last round, for itself alone.
func look(rule Rule, rounds []Round) Finding {
	end := rounds[len(rounds)-1]
	if end.Blue.Missing != "" {
		return Finding{Verdict: Inconclusive, Reason: end.Blue.Missing}
	}
	w := window{rule: rule, blue: end.Blue, green: end.Green, length: min(end.At, Window)}
	if i := start(rounds); i >= 0 {
		w.blue, w.green = since(end.Blue, rounds[i].Blue), since(end.Green, rounds[i].Green)
		w.length = end.At - rounds[i].At
	}
	switch rule.Kind {
	case blueprint.Ratio:
		return w.ratio()
	case blueprint.Quantile:
		return w.quantile()
	case blueprint.Value:
		return w.value()
	}
	return Finding{Verdict: Inconclusive, Reason: fmt.Sprintf("%q is not a kind of KPI", rule.Kind)}
}

// start is the index of the round the last round's window begins with, -1 for the baseline.
func start(rounds []Round) int {
	end := rounds[len(rounds)-1].At
	for i := len(rounds) - 2; i >= 0; i-- {
		if end-rounds[i].At >= Window {
			return i
		}
	}
	return -1
}

// since is what was counted between two rounds.
func since(now, then Counts) Counts {
	now.Hits -= then.Hits
	now.Total -= then.Total
	before := make(map[float64]float64, len(then.Buckets))
	for _, b := range then.Buckets {
		before[b.Bound] = b.Count
	}
	buckets := make([]Bucket, len(now.Buckets))
	for i, b := range now.Buckets {
		buckets[i] = Bucket{Bound: b.Bound, Count: b.Count - before[b.Bound]}
	}
	now.Buckets = buckets
	return now
}

// window is what both slots did in the time one verdict looks at.
type window struct {
	rule        Rule
	blue, green Counts
	length      time.Duration
}

// limit is the threshold in force, nil when it depends on green and green has no number.
func (w window) limit(green *float64) *float64 {
	t := w.rule.Threshold
	if !t.Relative {
		return &t.Value
	}
	if green = w.reference(green); green == nil {
		return nil
	}
	v := t.Value * *green
	return &v
}

// reference is green's number, or the last there was.
func (w window) reference(green *float64) *float64 {
	if green == nil {
		return w.rule.LastGreen
	}
	return green
}

// unmeasured is the finding when there is nothing to compare blue with.
func (w window) unmeasured(f Finding) Finding {
	why := w.green.Missing
	if why == "" {
		why = "green had no requests"
	}
	f.Verdict = Inconclusive
	f.Reason = fmt.Sprintf("%s, with nothing to compare it to: %s", w.rule.Format(*f.Blue), why)
	return f
}

// Measure is the KPI's number from one slot's counts: a share, seconds, or the value. It isn't known without requests.
func (r Rule) Measure(c Counts) (number float64, known bool) {
	if c.Missing != "" {
		return 0, false
	}
	switch r.Kind {
	case blueprint.Ratio:
		if s := share(c); s != nil {
			return *s, true
		}
	case blueprint.Quantile:
		at := estimate(r.Quantile, c.Buckets)
		return at.value, at.known
	case blueprint.Value:
		return c.Value, true
	}
	return 0, false
}
