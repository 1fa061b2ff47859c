package action

import (
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/plan"
)

// multiples are how many times the threshold's bad requests are asked about.
var multiples = []float64{2, 5, 10}

// sights tells what each phase can see of each KPI with the traffic that green has now, and warns of those that would
// not even see the grossest breach asked about.
func sights(phases []blueprint.Phase, present []kpi.Present) (all []plan.Sight, warnings []string) {
	watched := 0
	for _, p := range present {
		if p.NoData == "" {
			watched++
		}
	}
	for i, phase := range phases {
		var blind plan.Sight
		for _, p := range present {
			s, known := sight(phase, p, kpi.Alpha(watched, i+1))
			if !known {
				continue
			}
			all = append(all, s)
			if worst := s.Needs[len(s.Needs)-1]; s.Requests < worst.Requests && (blind.KPI == "" || s.Requests < blind.Requests) {
				blind = s
			}
		}
		if blind.KPI != "" {
			warnings = append(warnings, tooShort(blind))
		}
	}
	return all, warnings
}

func sight(phase blueprint.Phase, p kpi.Present, alpha float64) (plan.Sight, bool) {
	share := float64(phase.Traffic) / 100
	rate := p.PerSecond() * share
	s := plan.Sight{
		Phase: phase.Name, Traffic: int(phase.Traffic), Hold: phase.Hold.Seconds(), KPI: p.Check.Name,
		Component: p.Check.Green.Component, Requests: rate * phase.Hold.Seconds(),
	}
	rule := p.Check.Rule
	rule.Alpha = alpha
	for _, times := range multiples {
		n, known := rule.Requests(times, p.Counted, share)
		if !known || p.NoData != "" {
			return s, false
		}
		need := plan.Need{Times: times, Requests: n}
		if rate > 0 {
			need.Seconds = n / rate
		}
		s.Needs = append(s.Needs, need)
	}
	return s, true
}

// tooShort is the warning of a phase that sees little.
func tooShort(s plan.Sight) string {
	worst := s.Needs[len(s.Needs)-1]
	text := fmt.Sprintf("phase %s is too short to tell much: with green's present traffic, blue of %s gets %.0f requests in %s, and it takes %.0f to see %s at %.0f times its threshold",
		s.Phase, s.Component, s.Requests, time.Duration(s.Hold*float64(time.Second)), worst.Requests, s.KPI, worst.Times)
	if worst.Seconds > 0 {
		text += fmt.Sprintf(" (hold: %s)", time.Duration(worst.Seconds*float64(time.Second)).Round(time.Second))
	}
	return text
}
