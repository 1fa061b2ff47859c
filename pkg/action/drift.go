package action

import (
	"context"

	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// Drift says in a sentence each how the routers of a rollout are other than it wrote them: with the share that its record
// has or, when that is none, as they were at its launch.
func (s *Status) Drift(ctx context.Context, rec *record.Rollout) ([]string, error) {
	found, bp, err := read(rec)
	if err != nil {
		return nil, err
	}
	routes := found.Routes
	if phase := written(rec); phase != "" {
		routes = routers{routes: routes, phases: bp.Phases}.in(phase)
	}
	drifts, err := (&traffic.Mover{Client: s.Cluster.Dynamic}).Drifts(ctx, routes, rec.Traffic)
	var all []string
	for _, d := range drifts {
		all = append(all, d.String())
	}
	return all, err
}

// written is the phase that the routers were written for last; empty when that is none, or all is to be as before.
func written(rec *record.Rollout) string {
	phase := ""
	for _, s := range rec.Steps {
		switch {
		case s.Started == nil:
		case s.Kind == plan.Shift:
			phase = s.Phase
		case s.Kind == plan.Return:
			phase = ""
		}
	}
	if rec.Returning || rec.State.Ended() {
		return ""
	}
	return phase
}
