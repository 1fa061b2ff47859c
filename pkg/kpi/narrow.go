package kpi

import (
	"context"
	"fmt"
	"slices"
)

// Narrow leaves each check one way to ask: that of the first data plane that has series for green, as it is now. A check
// for which none has, or that has one way only, stays as it is. So a round asks for no more than it needs.
func Narrow(ctx context.Context, source Source, checks []Check) ([]Check, error) {
	var queries []string
	probes := make([][]string, len(checks))
	for i, c := range checks {
		if len(c.Queries) < 2 {
			continue
		}
		candidates, err := c.candidates()
		if err != nil {
			return nil, err
		}
		for _, k := range candidates {
			probe := exists(k.green)
			probes[i] = append(probes[i], probe)
			if !slices.Contains(queries, probe) {
				queries = append(queries, probe)
			}
		}
	}
	if len(queries) == 0 {
		return checks, nil
	}
	answers, err := source.Sample(ctx, queries)
	if err != nil {
		return nil, fmt.Errorf("ask which data plane counts green's requests: %w", err)
	}
	out := slices.Clone(checks)
	for i := range out {
		found := slices.IndexFunc(probes[i], func(probe string) bool {
			return len(answers[slices.Index(queries, probe)].Series) > 0
		})
		if found >= 0 {
			out[i].Queries = out[i].Queries[found : found+1]
		}
	}
	return out, nil
}

// exists asks whether a slot has series of the kind that its KPI needs. A histogram may be off where requests are counted.
func exists(a aimed) string {
	query := a.what
	if a.buckets != "" {
		query = a.buckets
	}
	if o, text, err := parted(query); err == nil {
		return o.write("count(" + text + ")")
	}
	return query
}
