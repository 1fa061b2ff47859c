package action

import (
	"context"

	"dro.dev/kubectl-dro/pkg/record"
)

// Status reads how rollouts stand.
type Status struct {
	Cluster *Cluster
}

// Run returns the newest record of the rollout or app called name; without a name, the newest of every app.
func (s *Status) Run(ctx context.Context, name string) ([]*record.Rollout, error) {
	all, err := s.Cluster.Records().List(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		one, err := record.Find(all, name)
		if err != nil {
			return nil, err
		}
		return []*record.Rollout{one}, nil
	}
	var newest []*record.Rollout
	for i, r := range all { // an app's records stand together, the newest last
		if i == len(all)-1 || all[i+1].App != r.App {
			newest = append(newest, r)
		}
	}
	return newest, nil
}
