package judge

// value judges a number as it is now.
func (w window) value() Finding {
	f := Finding{Verdict: Inconclusive, Blue: &w.blue.Value}
	if w.green.Missing == "" {
		f.Green = &w.green.Value
	}
	if f.Limit = w.limit(f.Green); f.Limit == nil {
		return w.unmeasured(f)
	}
	f.Verdict = Steady
	if !w.rule.Threshold.Holds(w.blue.Value, orZero(w.reference(f.Green))) {
		f.Verdict = Breached
	}
	f.Reason = w.compare(f)
	return f
}
