package judge

import "fmt"

// ratio judges the share of requests that are of the kind the KPI names.
func (w window) ratio() Finding {
	f := Finding{Verdict: Inconclusive, Green: share(w.green)}
	blue := w.blue
	switch {
	case blue.Total <= 0 && blue.Hits <= 0:
		f.Limit = w.limit(f.Green)
		f.Reason = "no blue requests " + w.ago()
		return f
	case odd(blue):
		f.Limit = w.limit(f.Green)
		f.Reason = fmt.Sprintf("%s of %s blue requests can't be: the KPI's counters don't belong together",
			count(blue.Hits), count(blue.Total))
		return f
	}
	f.Blue = share(blue)
	if f.Limit = w.limit(f.Green); f.Limit == nil {
		return w.unmeasured(f)
	}
	bad := blue.Hits
	if w.rule.rising() {
		bad = max(blue.Total-blue.Hits, 0)
	}
	of := fmt.Sprintf("%s of %s blue requests", count(blue.Hits), count(blue.Total))
	f.Reason = w.compare(f) + ": " + of
	switch {
	// Nothing bad is steady even where green's own rate makes the limit 0.
	case bad == 0, w.rule.Threshold.Holds(*f.Blue, orZero(w.reference(f.Green))):
		f.Verdict = Steady
	case bad < enough:
		f.Reason = fmt.Sprintf("%s, but %s is too few to tell", w.compare(f), of)
	default:
		f.Verdict = Breached
	}
	return f
}

// share is a slot's number, nil when it counted nothing or what can't be.
func share(c Counts) *float64 {
	if c.Missing != "" || c.Total <= 0 || odd(c) {
		return nil
	}
	v := min(c.Hits/c.Total, 1)
	return &v
}

// odd says that counters don't belong together. Sums of fractions in another order may differ in the last digits.
func odd(c Counts) bool { return c.Hits < 0 || c.Hits > c.Total*(1+1e-9) }

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
