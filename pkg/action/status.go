package action

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/record"
)

// Status reads how rollouts stand.
type Status struct {
	Cluster    *Cluster
	Everywhere bool // in all namespaces
}

// Run returns the newest record of the rollout or app called name; without a name, the newest of every app.
func (s *Status) Run(ctx context.Context, name string) ([]*record.Rollout, error) {
	if !s.Everywhere {
		if err := s.Cluster.reachable(ctx); err != nil {
			return nil, err
		}
	}
	all, err := s.records().List(ctx)
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
		if i == len(all)-1 || all[i+1].App != r.App || all[i+1].Namespace != r.Namespace {
			newest = append(newest, r)
		}
	}
	return newest, nil
}

// History returns all records of an app, which may be named by one of its rollouts.
func (s *Status) History(ctx context.Context, name string) ([]*record.Rollout, error) {
	all, err := s.records().List(ctx)
	if err != nil {
		return nil, err
	}
	one, err := record.Find(all, name)
	if err != nil {
		return nil, err
	}
	var apps []*record.Rollout
	for _, r := range all {
		if r.App == one.App {
			apps = append(apps, r)
		}
	}
	return apps, nil
}

func (s *Status) records() record.Store {
	if s.Everywhere {
		return record.Store{Secrets: s.Cluster.Client.CoreV1().Secrets(metav1.NamespaceAll)}
	}
	return s.Cluster.Records()
}
