package judge

import (
	"fmt"
	"math"
)

// quantile judges the time within which the rule's share of requests was answered.
func (w window) quantile() Finding {
	f := Finding{Verdict: Inconclusive}
	blue, green := estimate(w.rule.Quantile, w.blue.Buckets), estimate(w.rule.Quantile, w.green.Buckets)
	if w.green.Missing == "" && green.known {
		f.Green = &green.value
	}
	f.Limit = w.limit(f.Green)
	if !blue.known {
		f.Reason = "no blue requests " + w.ago()
		return f
	}
	f.Blue = &blue.value
	if f.Limit == nil {
		return w.unmeasured(f)
	}
	if blue.beyond && *f.Limit > blue.value {
		f.Reason = fmt.Sprintf("slower than the largest bucket bound %s, so it can't be compared with %s",
			w.rule.Format(blue.value), w.rule.Format(*f.Limit))
		return f
	}
	total, slow := slower(w.blue.Buckets, *f.Limit)
	of := fmt.Sprintf("%s of %s blue requests took longer", count(slow), count(total))
	compared := w.compare(f)
	if blue.beyond {
		compared = "more than " + w.rule.Format(blue.value) + " > " + w.limitText(f)
	}
	f.Reason = compared + ": " + of
	holds := !blue.beyond && w.rule.Threshold.Holds(blue.value, orZero(w.reference(f.Green)))
	switch {
	case slow == 0, holds:
		f.Verdict = Steady
	case slow < enough:
		f.Reason = fmt.Sprintf("%s, but %s, too few to tell", compared, of)
	default:
		f.Verdict = Breached
	}
	// Within one bucket, which side of the limit the estimate falls on is a guess, so it is said.
	if !blue.beyond && blue.lower < *f.Limit && *f.Limit < blue.upper {
		f.Reason += fmt.Sprintf("; estimated between the bucket bounds %s and %s",
			w.rule.Format(blue.lower), w.rule.Format(blue.upper))
	}
	return f
}

// position is where a quantile lies among buckets.
type position struct {
	known        bool
	value        float64 // by linear interpolation; the largest finite bound when beyond it
	lower, upper float64 // the bounds of the bucket it lies in
	beyond       bool    // more than the largest finite bound
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
			return position{known: true, value: lower, lower: lower, upper: b.Bound, beyond: true}
		default:
			at := b.Bound
			if b.Count > below {
				at = lower + (b.Bound-lower)*(rank-below)/(b.Count-below)
			}
			return position{known: true, value: at, lower: lower, upper: b.Bound}
		}
	}
	return position{}
}

// slower counts the requests that may have taken longer than limit: those above the bucket bound at or below it.
func slower(buckets []Bucket, limit float64) (total, slow float64) {
	total = buckets[len(buckets)-1].Count
	within := 0.0
	for _, b := range buckets {
		if b.Bound <= limit {
			within = b.Count
		}
	}
	return total, max(total-within, 0)
}
