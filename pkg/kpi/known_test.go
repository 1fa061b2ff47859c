package kpi

import (
	"strings"
	"testing"
)

func TestKnown(t *testing.T) {
	defs, broken := Known(map[string]string{
		"pay_success": `{good: 'p{pod=~"$pods",r="ok"}', total: 'p{pod=~"$pods"}'}`,
		"queue":       "query: max(queue)",
		"error_rate":  `{bad: 'e{s="$service"}', total: 'a{s="$service"}'}`,
		"typo":        "god: x",
		"half":        `bad: 'e{s="$service"}'`,
	})
	var names []string
	for _, d := range defs {
		names = append(names, d.Name+" ("+d.Origin+")")
	}
	want := "error_rate (configmap dro-kpis), latency_p50 (built in), latency_p90 (built in), latency_p95 (built in), latency_p99 (built in), " +
		"pay_success (configmap dro-kpis), queue (configmap dro-kpis), request_rate (built in), success_rate (built in)"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if len(broken) != 2 || !strings.Contains(broken["typo"].Error(), "unknown field") || !strings.Contains(broken["half"].Error(), "two of good") {
		t.Errorf("%v", broken)
	}
	if len(Planes()) != len(catalogue()) {
		t.Error("not all planes are shown")
	}
}
