package action

import (
	"context"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/plan"
)

// Plan says what a launch would do.
type Plan struct {
	Cluster    *Cluster
	Blueprint  *blueprint.Blueprint
	Prometheus string // a URL or namespace/service:port; empty: found in the cluster
	Standby    StandbyWish
	FromPhase  string // the phase to begin with; empty: the first
}

// Run makes every check that a launch makes and changes nothing.
func (p *Plan) Run(ctx context.Context) (*plan.Proposal, error) {
	found := &survey{cluster: p.Cluster, blueprint: p.Blueprint, prometheus: p.Prometheus, standby: p.Standby, from: p.FromPhase}
	if err := found.begin(ctx); err != nil {
		return nil, err
	}
	if err := found.run(ctx); err != nil {
		return nil, err
	}
	return found.proposal()
}
