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
}

// Run makes every check that a launch makes and changes nothing.
func (p *Plan) Run(ctx context.Context) (*plan.Proposal, error) {
	found := &survey{cluster: p.Cluster, blueprint: p.Blueprint, prometheus: p.Prometheus}
	if err := found.run(ctx); err != nil {
		return nil, err
	}
	return found.proposal()
}
