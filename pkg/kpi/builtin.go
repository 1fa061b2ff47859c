package kpi

import "dro.dev/kubectl-dro/pkg/blueprint"

// plane is a data plane's row: its metric names, and the labels that name one slot's Service.
type plane struct {
	name     string
	requests string // counter of requests, with the status in code
	buckets  string // histogram of durations in seconds
	slot     string // label matchers
}

// planes are the data planes the built-in KPIs know, in the order they are tried.
func planes() []plane {
	return []plane{
		{
			name:     "playground gateway",
			requests: "gateway_requests_total",
			buckets:  "gateway_request_duration_seconds_bucket",
			slot:     `namespace="$namespace",backend="$service"`,
		},
		{
			// One service for each backend of a rule: httproute-<route's ns>-<route>-gw-<…>-<hash>-svc-<ns>-<service>-<index>.
			name:     "traefik",
			requests: "traefik_service_requests_total",
			buckets:  "traefik_service_request_duration_seconds_bucket",
			slot:     `service=~"httproute-.+-svc-$namespace-$service-[0-9]+@kubernetesgateway"`,
		},
	}
}

// builtin is a KPI that every data plane has.
type builtin struct {
	kind     blueprint.KPIKind
	quantile float64
	queries  func(plane) Queries
}

// builtins are the KPIs that need no definition.
func builtins() map[string]builtin {
	failed := func(p plane) Queries {
		return Queries{Bad: p.requests + "{" + p.slot + `,code=~"5.."}`}
	}
	served := func(p plane) Queries {
		return Queries{Good: p.requests + "{" + p.slot + `,code=~"[1-4].."}`}
	}
	rate := func(p plane) Queries {
		return Queries{Query: "sum(rate(" + p.requests + "{" + p.slot + "}[1m]))"}
	}
	slow := func(p plane) Queries {
		return Queries{Buckets: p.buckets + "{" + p.slot + "}"}
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

// candidates are the KPI's queries for every data plane. Total is in each: it tells which plane is in use.
func (b builtin) candidates() []Queries {
	var out []Queries
	for _, p := range planes() {
		q := b.queries(p)
		q.Plane, q.Total = p.name, p.requests+"{"+p.slot+"}"
		out = append(out, q)
	}
	return out
}
