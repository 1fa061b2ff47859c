package action

import (
	"context"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
)

// Replay judges the live version's past with a blueprint's KPIs. It only reads.
type Replay struct {
	Cluster    *Cluster
	Blueprint  *blueprint.Blueprint
	Prometheus string
	From, To   time.Time
	Each       time.Duration // how long a launch takes; 0: as long as the blueprint's phases hold
}

// Run plays one launch after the other over that time.
func (r *Replay) Run(ctx context.Context) ([]kpi.Replayed, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := r.Cluster.reachable(ctx); err != nil {
		return nil, err
	}
	if len(r.Blueprint.KPI) == 0 {
		return nil, fmt.Errorf("blueprint %s has no KPIs to judge by", r.Blueprint.ID)
	}
	look := &survey{cluster: r.Cluster, blueprint: r.Blueprint, prometheus: r.Prometheus}
	for _, step := range []func(context.Context) error{look.lookConfig, look.lookSlots} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	entries, err := kpi.Entries(ctx, r.Cluster.Client, r.Cluster.Namespace)
	if err != nil {
		return nil, err
	}
	definitions, err := kpi.Define(r.Blueprint.KPI, entries)
	if err != nil {
		return nil, err
	}
	source, _, err := kpi.Open(ctx, r.Cluster.way(ctx, &look.facts, r.Blueprint.App, r.Blueprint.ID), definitions)
	if err != nil {
		return nil, err
	}
	checks, err := kpi.Narrow(ctx, source, kpi.Checks(definitions, look.facts.greens(r.Cluster.Namespace)))
	if err != nil {
		return nil, err
	}
	each := r.Each
	for _, p := range r.Blueprint.Phases {
		if r.Each == 0 && p.Hold != nil {
			each += p.Hold.Duration
		}
	}
	if r.To.Sub(r.From) < each {
		r.To = r.From.Add(each)
	}
	return source.Replay(ctx, checks, r.From, r.To, each)
}
