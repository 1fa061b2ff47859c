package action

import (
	"context"

	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// Drift says in a sentence each how the routers of a rollout are other than it wrote them: with the share that its record
// has or, when that is none, as they were at its launch.
func (s *Status) Drift(ctx context.Context, rec *record.Rollout) ([]string, error) {
	found, _, err := read(rec)
	if err != nil {
		return nil, err
	}
	drifts, err := (&traffic.Mover{Client: s.Cluster.Dynamic}).Drifts(ctx, found.Routes, rec.Traffic)
	var all []string
	for _, d := range drifts {
		all = append(all, d.String())
	}
	return all, err
}
