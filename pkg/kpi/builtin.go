package kpi

import (
	"fmt"
	"regexp"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// planes are the catalogue's rows, each also as it looks when scraping has renamed its labels.
func planes() []plane {
	var out []plane
	for _, p := range catalogue() {
		out = append(out, p)
		if p.clashes {
			out = append(out, p.renamed())
		}
	}
	return out
}

var clashing = regexp.MustCompile(`\b(namespace|service|pod)(=~|=)`)

// renamed is the row for a Prometheus whose own labels namespace, service and pod have precedence.
func (p plane) renamed() plane {
	p.name += ", exported labels"
	p.slot = clashing.ReplaceAllString(p.slot, "exported_$1$2")
	p.blue = clashing.ReplaceAllString(p.blue, "exported_$1$2")
	return p
}

// selects is a selector of one of the row's metrics for a slot. With status given, it holds answers of such a status.
func (p plane) selects(metric, slot, more, status string) string {
	var matchers []string
	for _, m := range []string{slot, p.only, more} {
		if m != "" {
			matchers = append(matchers, m)
		}
	}
	switch {
	case status != "" && p.status == "__name__":
		metric = status
	case status != "":
		matchers = append(matchers, fmt.Sprintf("%s=~%q", p.status, status))
	}
	text := metric + "{" + strings.Join(matchers, ",") + "}"
	if p.joined != "" {
		return strings.Replace(p.joined, "%s", text, 1)
	}
	return text
}

// builtin is a KPI that every data plane has.
type builtin struct {
	kind     blueprint.KPIKind
	quantile float64
	queries  func(p plane, slot string) Queries
}

// builtins are the KPIs that need no definition.
func builtins() map[string]builtin {
	failed := func(p plane, slot string) Queries {
		return Queries{Bad: p.selects(p.requests, slot, "", p.failed)}
	}
	served := func(p plane, slot string) Queries {
		return Queries{Good: p.selects(p.requests, slot, "", p.served)}
	}
	rate := func(p plane, slot string) Queries {
		return Queries{Query: "sum(" + over("rate", p.selects(p.requests, slot, p.counted, ""), "1m") + ")"}
	}
	slow := func(p plane, slot string) Queries {
		if p.buckets == "" {
			return Queries{}
		}
		return Queries{Buckets: p.selects(p.buckets, slot, p.timed, ""), Unit: p.unit}
	}
	all := map[string]builtin{
		"error_rate":   {blueprint.Ratio, 0, failed},
		"success_rate": {blueprint.Ratio, 0, served},
		"request_rate": {blueprint.Value, 0, rate},
	}
	for name, q := range map[string]float64{"p50": .5, "p90": .9, "p95": .95, "p99": .99} {
		all[name] = builtin{blueprint.Quantile, q, slow}
		all["latency_"+name] = all[name]
	}
	return all
}

// candidates are the KPI's queries for every data plane that has it. Total is in each: it tells which plane is in use.
func (b builtin) candidates() []Queries {
	var out []Queries
	for _, p := range planes() {
		q := b.queries(p, p.slot)
		if q == (Queries{}) {
			continue
		}
		q.Plane, q.Total = p.name, p.selects(p.requests, p.slot, p.counted, "")
		if p.blue != "" {
			blue := b.queries(p, p.blue)
			blue.Total = p.selects(p.requests, p.blue, p.counted, "")
			q.Blue = &blue
		}
		out = append(out, q)
	}
	return out
}

// over applies a function over a time to a counter, which need not be a plain selector.
func over(function, query, past string) string {
	if selector(query) {
		return function + "(" + query + "[" + past + "])"
	}
	return function + "((" + query + ")[" + past + ":5s])"
}
