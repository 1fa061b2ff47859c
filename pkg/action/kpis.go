package action

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/record"
)

// KPIs lists the KPIs that can be used, and which of them have data for an application. It only reads.
type KPIs struct {
	Cluster    *Cluster
	App        string               // its last rollout says what its slots are
	Blueprint  *blueprint.Blueprint // or this says it; with neither, it is only told what there is
	Prometheus string
}

// KnownKPI is one KPI, for one component when there is an application.
type KnownKPI struct {
	Name      string
	Kind      string
	Origin    string // blueprint, configmap dro-kpis, built in
	Component string
	Plane     string // the data plane that is in use, of a built-in one
	Green     string // green's present number; empty without data
	Problem   string // why it can't be used, or has no data
}

// Run finds out what there is.
func (k *KPIs) Run(ctx context.Context) ([]KnownKPI, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := k.Cluster.reachable(ctx); err != nil {
		return nil, err
	}
	entries, err := kpi.Entries(ctx, k.Cluster.Client, k.Cluster.Namespace)
	if err != nil {
		return nil, err
	}
	definitions, broken := kpi.Known(entries)
	if k.Blueprint != nil {
		own, err := kpi.Define(k.Blueprint.KPI, entries)
		if err != nil {
			return nil, err
		}
		definitions = slices.DeleteFunc(definitions, func(d kpi.Definition) bool {
			return slices.ContainsFunc(own, func(o kpi.Definition) bool { return o.Name == d.Name })
		})
		definitions = append(own, definitions...)
	}
	found, err := k.facts(ctx)
	if err != nil {
		return nil, err
	}
	out := k.measure(ctx, found, definitions)
	for name, err := range broken {
		out = append(out, KnownKPI{Name: name, Origin: "configmap " + kpi.ConfigMap, Problem: err.Error()})
	}
	slices.SortStableFunc(out, func(a, b KnownKPI) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// facts are the application's slots: as the blueprint and the cluster have them, or as its last rollout found them.
func (k *KPIs) facts(ctx context.Context) (*facts, error) {
	look := &survey{cluster: k.Cluster, blueprint: k.Blueprint, prometheus: k.Prometheus}
	switch {
	case k.Blueprint != nil:
		if err := look.lookSlots(ctx); err != nil {
			return nil, err
		}
	case k.App != "":
		records, err := k.Cluster.Records().List(ctx)
		if err != nil {
			return nil, err
		}
		records = slices.DeleteFunc(records, func(r *record.Rollout) bool { return r.App != k.App && r.ID != k.App })
		if len(records) == 0 {
			return nil, fmt.Errorf("there is no rollout of an app %s in namespace %s, so its slots are not known\n  give its blueprint instead: kubectl dro kpis FILE",
				k.App, k.Cluster.Namespace)
		}
		last := slices.MaxFunc(records, func(a, b *record.Rollout) int { return cmp.Compare(a.Number, b.Number) })
		found, bp, err := read(last)
		if err != nil {
			return nil, err
		}
		look.facts.Components, look.blueprint = found.Components, bp
	default:
		return nil, nil
	}
	return &look.facts, look.lookConfig(ctx)
}

// measure tells green's present number of every definition for every component.
func (k *KPIs) measure(ctx context.Context, found *facts, definitions []kpi.Definition) []KnownKPI {
	var out []KnownKPI
	if found == nil {
		for _, d := range definitions {
			out = append(out, KnownKPI{Name: d.Name, Kind: string(d.Rule.Kind), Origin: d.Origin})
		}
		return out
	}
	bySource := map[blueprint.Source][]kpi.Definition{}
	for _, d := range definitions {
		bySource[d.Source] = append(bySource[d.Source], d)
	}
	for _, some := range bySource {
		checks := kpi.Checks(some, found.greens(k.Cluster.Namespace))
		present, err := k.ask(ctx, found, some, checks)
		for i, c := range checks {
			row := KnownKPI{Name: c.Name, Kind: string(c.Rule.Kind), Origin: c.Origin, Component: c.Green.Component}
			if err != nil {
				row.Problem = err.Error()
			} else {
				p := present[i]
				row.Green, row.Problem = p.Value, p.NoData
				if len(p.Check.Queries) == 1 {
					row.Plane = p.Check.Queries[0].Plane
				}
			}
			out = append(out, row)
		}
	}
	return out
}

func (k *KPIs) ask(ctx context.Context, found *facts, definitions []kpi.Definition, checks []kpi.Check) ([]kpi.Present, error) {
	source, _, err := kpi.Open(ctx, k.Cluster.way(ctx, found, "", "kpis"), definitions)
	if err != nil {
		return nil, err
	}
	if err := source.Warm(ctx, checks); err != nil {
		return nil, err
	}
	if checks, err = kpi.Narrow(ctx, source, checks); err != nil {
		return nil, err
	}
	present, err := kpi.First(ctx, source, checks)
	if present != nil {
		return present, nil // that some have no data is what is asked here
	}
	return nil, err
}
