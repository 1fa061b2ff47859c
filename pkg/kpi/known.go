package kpi

import (
	"maps"
	"slices"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Plane is a data plane that the built-in KPIs know, for people.
type Plane struct{ Name, Requests, Durations, Needs, Source string }

// Planes are the data planes that the built-in KPIs know, in the order they are tried.
func Planes() []Plane {
	var out []Plane
	for _, p := range catalogue() {
		out = append(out, Plane{p.name, p.requests, p.buckets, p.needs, p.source})
	}
	return out
}

// Known are the KPIs that need no queries in a blueprint, by name: those of the namespace's ConfigMap and the built-in
// ones. Broken says what is wrong with entries of the ConfigMap. A threshold that always holds stands for the one that
// a blueprint would have.
func Known(entries map[string]string) (defs []Definition, broken map[string]error) {
	broken = map[string]error{}
	names := slices.AppendSeq(slices.Collect(maps.Keys(builtins())), maps.Keys(entries))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		kind := builtins()[name].kind
		if text, listed := entries[name]; listed {
			e, err := decode(text)
			if err != nil {
				broken[name] = err
				continue
			}
			if kind = e.Kind; kind == "" {
				kind = implied(e.queries())
			}
		} else if len(name) == len("p50") {
			continue // the short name of a latency
		}
		d, err := define(name, blueprint.KPI{Threshold: anything(kind)}, entries)
		if err != nil {
			broken[name] = err
			continue
		}
		defs = append(defs, d)
	}
	return defs, broken
}

// anything is a threshold that fits a kind and means nothing.
func anything(kind blueprint.KPIKind) blueprint.Threshold {
	switch kind {
	case blueprint.Quantile:
		return blueprint.Threshold{Op: "<", Value: 1e9, Unit: "s"}
	case blueprint.Value:
		return blueprint.Threshold{Op: "<", Value: 1e15}
	}
	return blueprint.Threshold{Op: "<=", Value: 1}
}
