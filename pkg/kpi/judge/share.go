package judge

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// firm is how many requests green's number takes to replace the one of the phase before.
const firm = 100

// view is one round of a KPI that is a share of requests, as it is judged.
type view struct {
	rule  Rule
	state *State
	round Round

	blue, green *float64 // the KPI's numbers since the baseline
	limit       *float64 // the threshold in force
	allowed     float64  // the share of bad requests that keeps to it; unless it is the test beside green that judges
	bound       float64  // of a quantile: the bucket bound above which a request is slow
	blind       bool     // of a quantile: the limit lies above all bucket bounds, so that no request surely misses it
	problem     string   // why this round can't be judged

	log, health, outage float64
}

// measure works out the numbers, and what they are held against.
func (v *view) measure() {
	v.blue, v.green = v.rule.measured(v.round.Blue), v.rule.measured(v.round.Green)
	// The first few requests of a phase say little of green.
	if v.green != nil && (v.state.KnownNumber == nil || v.state.Green.Total >= firm) {
		v.state.KnownNumber = v.green
	}
	t := v.rule.Threshold
	switch {
	case !t.Relative:
		v.limit = &t.Value
	case v.state.KnownNumber != nil:
		limit := t.Value * *v.state.KnownNumber
		v.limit = &limit
	}
	switch {
	case v.rule.Kind == blueprint.Quantile:
		v.allowed = 1 - v.rule.Quantile
		if v.limit != nil {
			v.bound = above(v.round.Blue.Buckets, *v.limit)
			v.blind = v.bound < *v.limit
		}
	case !t.Relative && v.rule.rising():
		v.allowed = 1 - t.Value
	case !t.Relative:
		v.allowed = t.Value
	case v.rule.rising():
		v.allowed = 1 - t.Value*(1-v.greensRate())
	default:
		v.allowed = t.Value * v.greensRate()
	}
	v.allowed = min(max(v.allowed, 0), 1)
}

// greensRate is a cautious estimate of how much of green is bad: three failures that it may owe to luck are added.
func (v *view) greensRate() float64 {
	known := v.state.Known
	known.add(v.greens())
	return (known.Bad + 3) / (known.Total + 3)
}

// greens is what green did since the last round; nothing when it can't be told.
func (v *view) greens() Tally {
	t := v.count(v.round.Green, v.state.Last.Green)
	if v.round.Green.Missing != "" || t.Total <= 0 || !t.sound() {
		return Tally{}
	}
	return Tally{min(t.Bad, t.Total), t.Total}
}

// unusable says why blue's counts can't be judged.
func (v *view) unusable() string {
	c := v.round.Blue
	switch {
	case v.rule.Kind == blueprint.Ratio && odd(c):
		return fmt.Sprintf("%s of %s blue requests can't be: the KPI's counters don't belong together", count(c.Hits), count(c.Total))
	case v.limit == nil && v.blue != nil:
		why := v.round.Green.Missing
		if why == "" {
			why = "green had no requests"
		}
		return fmt.Sprintf("%s, with nothing to compare it to: %s", v.rule.Format(*v.blue), why)
	case v.blind && estimate(v.rule.Quantile, c.Buckets).beyond:
		return fmt.Sprintf("slower than the largest bucket bound %s, so it can't be compared with %s",
			v.rule.Format(v.bound), v.rule.Format(*v.limit))
	}
	return ""
}

// count is what a slot did between two rounds.
func (v *view) count(now, then Counts) Tally {
	if v.rule.Kind == blueprint.Quantile {
		a, b := slow(now.Buckets, v.bound), slow(then.Buckets, v.bound)
		return Tally{a.Bad - b.Bad, a.Total - b.Total}
	}
	hits, total := now.Hits-then.Hits, now.Total-then.Total
	if v.rule.rising() {
		hits = total - hits
	}
	return Tally{hits, total}
}

// beside says whether it is green's requests of the same interval that blue's are compared with.
func (v *view) beside(green Tally) bool {
	return v.rule.Threshold.Relative && v.rule.Kind == blueprint.Ratio && !v.rule.rising() && green.Total > 0
}

// steps weighs an interval.
func (v *view) steps(blue, green Tally) (bad, good steps) {
	if v.beside(green) {
		r := v.rule.Threshold.Value
		return beside(blue, green, r, greener[:]), beside(blue, green, r, better[:])
	}
	return over(blue, v.allowed), under(blue, v.allowed)
}

// weigh adds up the evidence.
func (v *view) weigh() {
	s := v.state
	v.log, v.health, v.outage = s.Breach.log(s.Clump), s.Health.start(s.Clump), s.Outage.log(s.GreenClump)
	if v.log >= math.Log(1/v.rule.Alpha) && !v.blind {
		s.Alarm = true
	}
}

// enough says whether there were so many requests that a release which fails all of them would have been found.
func (v *view) enough() bool {
	s := v.state
	all := Tally{s.Blue.Total, s.Blue.Total}
	worst, _ := v.steps(all, s.Green)
	return at(worst) >= math.Log(1/v.rule.Alpha)
}

// greenWell says that green has enough requests, and nothing speaks against it.
func (v *view) greenWell() bool {
	g := v.state.Green
	return at(over(Tally{g.Total, g.Total}, v.allowed)) >= math.Log(1/Alpha) && v.outage < math.Log(doubt)
}

// measured is Measure for what may not be known.
func (r Rule) measured(c Counts) *float64 {
	if n, known := r.Measure(c); known {
		return &n
	}
	return nil
}

// Measure is the KPI's number from one slot's counts: a share, seconds, or the value. It isn't known without requests.
func (r Rule) Measure(c Counts) (number float64, known bool) {
	if c.Missing != "" {
		return 0, false
	}
	switch r.Kind {
	case blueprint.Ratio:
		if c.Total <= 0 || odd(c) {
			return 0, false
		}
		return min(c.Hits/c.Total, 1), true
	case blueprint.Quantile:
		at := estimate(r.Quantile, c.Buckets)
		return at.value, at.known
	case blueprint.Value:
		return c.Value, true
	}
	return 0, false
}

// odd says that counters don't belong together. Sums of fractions in another order may differ in the last digits.
func odd(c Counts) bool { return c.Hits < 0 || c.Hits > c.Total*(1+1e-9) }

// rising says whether the KPI wants to be high.
func (r Rule) rising() bool { return strings.HasPrefix(r.Threshold.Op, ">") }

// position is where a quantile lies among buckets.
type position struct {
	known  bool
	value  float64 // by linear interpolation; the largest finite bound when beyond it
	beyond bool    // more than the largest finite bound
}

// estimate finds the quantile q. The counts are cumulative, by rising bound.
func estimate(q float64, buckets []Bucket) position {
	if len(buckets) < 2 || !math.IsInf(buckets[len(buckets)-1].Bound, 1) {
		return position{}
	}
	total := buckets[len(buckets)-1].Count
	if !(total > 0) {
		return position{}
	}
	rank := q * total
	lower, below := 0.0, 0.0
	for _, b := range buckets {
		switch {
		case b.Count < rank:
			lower, below = b.Bound, max(below, b.Count)
		case math.IsInf(b.Bound, 1):
			return position{known: true, value: lower, beyond: true}
		case b.Count > below:
			return position{known: true, value: lower + (b.Bound-lower)*(rank-below)/(b.Count-below)}
		default:
			return position{known: true, value: b.Bound}
		}
	}
	return position{}
}

// above is the bucket bound that a limit is judged at: the limit itself, or the next above, so that what counts as slow
// surely is. Beyond the largest finite bound it is that one.
func above(buckets []Bucket, limit float64) float64 {
	i := sort.Search(len(buckets), func(i int) bool { return buckets[i].Bound >= limit })
	for i > 0 && (i == len(buckets) || math.IsInf(buckets[i].Bound, 1)) {
		i--
	}
	if i == len(buckets) {
		return limit
	}
	return buckets[i].Bound
}

// slow counts the requests that took longer than a bucket bound.
func slow(buckets []Bucket, bound float64) Tally {
	if len(buckets) == 0 {
		return Tally{}
	}
	total, within := buckets[len(buckets)-1].Count, 0.0
	if i, found := slices.BinarySearchFunc(buckets, bound, func(b Bucket, to float64) int {
		switch {
		case b.Bound < to:
			return -1
		case b.Bound > to:
			return 1
		}
		return 0
	}); found {
		within = buckets[i].Count
	}
	return Tally{max(total-within, 0), total}
}
