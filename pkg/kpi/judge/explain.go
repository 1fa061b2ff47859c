package judge

import (
	"fmt"
	"math"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// finding is the verdict, with a sentence.
func (v *view) finding() Finding {
	s, alpha := v.state, v.rule.Alpha
	f := Finding{
		Verdict: Inconclusive, Blue: v.blue, Green: v.green, Limit: v.limit, Bad: s.Blue.Bad, Total: s.Blue.Total,
		Evidence: number(v.log), Health: number(v.health), Needed: 1 / alpha, Proven: v.health >= math.Log(1/Alpha),
		Reason: v.problem,
	}
	f.GreenWell = !v.rule.Threshold.Relative && v.greenWell()
	switch {
	case v.problem != "":
		return f
	case s.Blue.Total <= 0:
		f.Reason = "no blue requests yet"
		return f
	}
	f.Enough = v.enough()
	f.Blue = v.shown(s.Blue)
	if s.Alarm && v.within(f) && s.Recent.Total > 0 {
		f.Bad, f.Total, f.Blue = s.Recent.Bad, s.Recent.Total, v.shown(s.Recent)
	}
	limit := v.rule.limitText(*f.Limit, v.green, s.KnownNumber)
	if v.rule.Kind == blueprint.Quantile && estimate(v.rule.Quantile, v.round.Blue.Buckets).beyond {
		f.Reason = "more than " + v.rule.Format(*f.Blue) + " > " + limit
	} else {
		f.Reason = v.rule.compare(*f.Blue, *f.Limit, limit)
	}
	f.Reason += v.counted(f)
	switch {
	case s.Alarm:
		f.Verdict, f.Outage = Breached, v.isOutage(f)
		f.Reason += fmt.Sprintf("; chance of this from a healthy release < 1 in %s (evidence %s)%s", count(math.Round(f.Needed)), weight(f.Evidence), outage(v.rule, f))
	case !f.Enough:
		f.Reason += ", too few to tell"
	case f.Evidence >= doubt:
		f.Reason += fmt.Sprintf("; it may be chance (evidence %s, %s would be enough)", weight(f.Evidence), count(math.Round(f.Needed)))
	default:
		f.Verdict = Steady
		f.Reason += v.remark(f)
	}
	return f
}

// remark says of a steady KPI what it doesn't show.
func (v *view) remark(f Finding) string {
	switch {
	case f.Proven:
		return fmt.Sprintf("; proven healthy (evidence %s)", weight(f.Health))
	case !v.within(f):
		return fmt.Sprintf("; that much is chance (evidence %s, %s would be enough)", weight(f.Evidence), count(math.Round(f.Needed)))
	}
	return ""
}

// within says whether the share of bad requests is within the threshold, over all the time since the baseline.
func (v *view) within(f Finding) bool {
	if v.rule.Kind == blueprint.Quantile {
		return f.Total > 0 && f.Bad/f.Total <= v.allowed
	}
	green := 0.0
	if v.state.KnownNumber != nil {
		green = *v.state.KnownNumber
	}
	return v.rule.Threshold.Holds(*f.Blue, green)
}

// shown is the KPI's number for what was counted in a time: the time since the baseline, or for a breach whose baseline
// is so long ago that all of it looks fine, since things changed. Of latencies there is just the first.
func (v *view) shown(t Tally) *float64 {
	share := t.rate()
	switch {
	case v.rule.Kind == blueprint.Quantile:
		return v.blue
	case v.rule.rising():
		share = 1 - share
	}
	return &share
}

// counted says how many requests were bad.
func (v *view) counted(f Finding) string {
	of := fmt.Sprintf("%s of %s blue requests", count(f.Bad), count(f.Total))
	if f.Total < v.state.Blue.Total {
		of = fmt.Sprintf("%s of the last %s blue requests", count(f.Bad), count(f.Total))
	}
	if v.rule.Kind == blueprint.Ratio {
		return ": " + of + " failed"
	}
	text := fmt.Sprintf(": %s took longer than %s, where %s may", of, v.rule.Format(v.bound), percent(v.allowed))
	if v.bound != *v.limit {
		text += fmt.Sprintf(" (no bucket ends at %s)", v.rule.Format(*v.limit))
	}
	return text
}

// isOutage says whether green has trouble of the same kind, and not much less of it.
func (v *view) isOutage(f Finding) bool {
	s := v.state
	return !v.rule.Threshold.Relative && v.outage >= math.Log(doubt) && f.Bad/f.Total <= alike*max(s.Green.rate(), s.GreenRecent.rate())
}

func percent(share float64) string { return Rule{Kind: blueprint.Ratio}.Format(share) }

// weight writes evidence: whole numbers, and no more digits than anybody reads.
func weight(e float64) string {
	if e >= 1e6 {
		return "over 1,000,000"
	}
	return count(math.Floor(e))
}
