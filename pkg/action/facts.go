package action

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/slot"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// facts are what a launch found and what a rollout works from ever after, whichever process drives it.
type facts struct {
	Components []slot.Component `json:"components"`
	Routes     []traffic.Route  `json:"routes,omitempty"`
	Checks     []kpi.Check      `json:"checks,omitempty"`    // the KPIs that have data for green
	Prometheus kpi.Access       `json:"prometheus,omitzero"` // as configured; empty: to be found
	TestImage  string           `json:"testImage,omitempty"`
	Standby    string           `json:"standby,omitempty"` // the standby's image
}

// read returns the facts and the blueprint that a record holds.
func read(rec *record.Rollout) (*facts, *blueprint.Blueprint, error) {
	var f facts
	if err := json.Unmarshal(rec.Facts, &f); err != nil {
		return nil, nil, fmt.Errorf("read the facts of rollout %s: %w", rec.ID, err)
	}
	var bp blueprint.Blueprint
	if err := json.Unmarshal(rec.Blueprint, &bp); err != nil {
		return nil, nil, fmt.Errorf("read the blueprint of rollout %s: %w", rec.ID, err)
	}
	return &f, &bp, nil
}

// pairs are the slots that KPIs are measured in, a pair for each component that moves.
func (f *facts) pairs(namespace string) []kpi.Pair {
	var all []kpi.Pair
	for _, c := range f.moving() {
		all = append(all, kpi.Pair{
			Green: kpi.Target{Namespace: namespace, Component: c.Name, Service: c.GreenService, Workload: path.Base(c.GreenWorkload), Pods: c.GreenPods},
			Blue:  kpi.Target{Namespace: namespace, Component: c.Name, Service: c.BlueService, Workload: path.Base(c.BlueWorkload), Pods: c.BluePods},
		})
	}
	return all
}

// greens are the slots of every component that runs, whether it moves or not.
func (f *facts) greens(namespace string) []kpi.Pair {
	all := facts{Components: slices.Clone(f.Components)}
	for i := range all.Components {
		all.Components[i].Unchanged = false
	}
	return all.pairs(namespace)
}

// moving are the components with both slots.
func (f *facts) moving() []slot.Component {
	var all []slot.Component
	for _, c := range f.Components {
		if !c.First && !c.Unchanged {
			all = append(all, c)
		}
	}
	return all
}
