package judge

import "fmt"

// value judges a number as it is now: it is no count of anything, so only how long it misses its threshold can tell.
// Rounds without a number neither count as breaches nor end a run of them.
func (s *State) value(rule Rule, r Round) Finding {
	f := Finding{Verdict: Inconclusive, Blue: &r.Blue.Value}
	t := rule.Threshold
	if r.Green.Missing == "" {
		f.Green = &r.Green.Value
		s.KnownNumber = f.Green
	}
	var known float64
	switch {
	case !t.Relative:
		f.Limit = &t.Value
	case s.KnownNumber != nil:
		known = *s.KnownNumber
		limit := t.Value * known
		f.Limit = &limit
	default:
		f.Reason = fmt.Sprintf("%s, with nothing to compare it to: %s", rule.Format(*f.Blue), r.Green.Missing)
		return f
	}
	need := max(rule.For, 1)
	s.Run = longer(s.Run, need, !t.Holds(r.Blue.Value, known))
	if f.Green != nil && !t.Relative {
		s.GreenRun = longer(s.GreenRun, need, !t.Holds(*f.Green, known))
		f.GreenWell = s.GreenRun == 0
	}
	f.Breaches = s.Run
	f.Reason = rule.compare(*f.Blue, *f.Limit, rule.limitText(*f.Limit, f.Green, s.KnownNumber))
	switch {
	case s.Run == 0:
		f.Verdict = Steady
	case s.Run < need:
		f.Reason += fmt.Sprintf(" (breach %d of %d)", s.Run, need)
	default:
		f.Verdict = Breached
		f.Outage = s.GreenRun > 0
		f.Reason += outage(rule, f)
	}
	return f
}

// longer is the length of a run after one more round, at most so long.
func longer(run, most int, missed bool) int {
	if !missed {
		return 0
	}
	return min(run+1, most)
}

// outage says that green has the same trouble, if so.
func outage(rule Rule, f Finding) string {
	if !f.Outage || f.Green == nil {
		return ""
	}
	return fmt.Sprintf("; green has %s too: an outage, not the release", rule.Format(*f.Green))
}
