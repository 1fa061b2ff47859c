package kpi

import (
	"math"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

func threshold(t testing.TB, text string) blueprint.Threshold {
	t.Helper()
	out, err := blueprint.ParseThreshold(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// define one KPI, or fail.
func one(t testing.TB, name, limit string, k blueprint.KPI, entries map[string]string) Definition {
	t.Helper()
	k.Threshold = threshold(t, limit)
	defs, err := Define(map[string]blueprint.KPI{name: k}, entries)
	if err != nil {
		t.Fatal(err)
	}
	return defs[0]
}

func TestDefineLooksInOrder(t *testing.T) {
	entries := map[string]string{
		"error_rate":  "bad: e{s=\"$service\"}\ntotal: a{s=\"$service\"}\n",
		"pay_success": "kind: ratio\ngood: sum(p{pod=~\"$pods\",r=\"ok\"})\ntotal: sum(p{pod=~\"$pods\"})\n",
	}
	own := one(t, "error_rate", "< 1%", blueprint.KPI{Good: `g{s="$service"}`, Bad: `b{s="$service"}`}, entries)
	if own.Origin != "blueprint" || own.Queries[0].Good != `g{s="$service"}` || own.Rule.Kind != blueprint.Ratio {
		t.Errorf("the blueprint's own queries: %+v", own)
	}
	listed := one(t, "error_rate", "< 1%", blueprint.KPI{}, entries)
	if listed.Origin != "configmap dro-kpis" || listed.Queries[0].Bad != `e{s="$service"}` {
		t.Errorf("the ConfigMap's: %+v", listed)
	}
	known := one(t, "error_rate", "< 1%", blueprint.KPI{}, nil)
	if known.Origin != "built in" || len(known.Queries) != len(planes()) {
		t.Errorf("the built-in: %+v", known)
	}
}

func TestDefineDefaults(t *testing.T) {
	d := one(t, "p95", "< 300ms", blueprint.KPI{}, nil)
	if d.Rule.Kind != blueprint.Quantile || d.Rule.Quantile != .95 || d.Rule.For != 2 || d.NoData != blueprint.NoDataRollback || d.Interval != 0 {
		t.Errorf("%+v", d)
	}
	d = one(t, "queue", "< 10", blueprint.KPI{Query: "max(queue)", For: 5, NoData: blueprint.NoDataPause,
		Interval: &blueprint.Duration{Duration: time.Minute}}, nil)
	if d.Rule.Kind != blueprint.Value || d.Rule.For != 5 || d.NoData != blueprint.NoDataPause || d.Interval != time.Minute {
		t.Errorf("%+v", d)
	}
}

func TestDefineRefuses(t *testing.T) {
	const slot = `{s="$service"}`
	for name, tc := range map[string]struct {
		kpi     string
		limit   string
		given   blueprint.KPI
		entries map[string]string
		want    string
	}{
		"unknown":        {"error_ratte", "< 1%", blueprint.KPI{}, nil, "did you mean error_rate?"},
		"unknown, known": {"mood", "< 1%", blueprint.KPI{}, map[string]string{"pay_success": ""}, "pay_success, request_rate"},
		"half a ratio":   {"x", "< 1%", blueprint.KPI{Bad: "b" + slot}, nil, "two of good, bad and total"},
		"a ratio of three": {"x", "< 1%", blueprint.KPI{Bad: "b" + slot, Good: "b" + slot, Total: "b" + slot}, nil,
			"two of good, bad and total"},
		"mixed kinds":    {"x", "< 1%", blueprint.KPI{Bad: "b" + slot, Total: "t" + slot, Query: "q"}, nil, "a value has query, and no other"},
		"wrong kind":     {"x", "< 1%", blueprint.KPI{Kind: blueprint.Quantile, Query: "q"}, nil, "a quantile has buckets"},
		"no such kind":   {"x", "< 1%", blueprint.KPI{Kind: "mood", Query: "q"}, nil, `kind "mood"`},
		"one slot only":  {"x", "< 1%", blueprint.KPI{Bad: `b{namespace="$namespace"}`, Total: "t" + slot}, nil, "same for both slots"},
		"a rate":         {"x", "< 1%", blueprint.KPI{Bad: "sum(rate(b" + slot + "[1m]))", Total: "t" + slot}, nil, "is a rate"},
		"forgot percent": {"x", "> 98", blueprint.KPI{Good: "g" + slot, Total: "t" + slot}, nil, "is not a share"},
		"time for share": {"error_rate", "< 300ms", blueprint.KPI{}, nil, "is not a share"},
		"share for time": {"p99", "< 1%", blueprint.KPI{}, nil, "is not a latency"},
		"slow wanted":    {"p99", "> 1s", blueprint.KPI{}, nil, "is not a latency"},
		"no quantile":    {"x", "< 1s", blueprint.KPI{Buckets: "b" + slot}, nil, "a number between 0 and 1"},
		"built-in bent":  {"p99", "< 1s", blueprint.KPI{Quantile: .5}, nil, "differs from what p99 means"},
		"compared alike": {"x", "< 2x green", blueprint.KPI{Query: "max(q)"}, nil, "same for both slots"},
		"unknown key":    {"x", "< 1%", blueprint.KPI{}, map[string]string{"x": "kind: ratio\ngod: b"}, "unknown field"},
		"twice a key":    {"x", "< 1%", blueprint.KPI{}, map[string]string{"x": "bad: b\nbad: c"}, "already set"},
		"empty entry":    {"x", "< 1%", blueprint.KPI{}, map[string]string{"x": ""}, "two of good, bad and total"},
		"not a mapping":  {"x", "< 1%", blueprint.KPI{}, map[string]string{"x": "[1]"}, "configmap dro-kpis"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.given.Threshold = threshold(t, tc.limit)
			_, err := Define(map[string]blueprint.KPI{tc.kpi: tc.given}, tc.entries)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "kpi "+tc.kpi) {
				t.Errorf("%v\nwant …%s…", err, tc.want)
			}
		})
	}
}

func TestDefineTellsAllProblems(t *testing.T) {
	_, err := Define(map[string]blueprint.KPI{"a": {}, "b": {}}, nil)
	if err == nil || !strings.Contains(err.Error(), "kpi a:") || !strings.Contains(err.Error(), "kpi b:") {
		t.Errorf("%v", err)
	}
}

func TestEntries(t *testing.T) {
	client := fake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "food-svc", Name: ConfigMap}, Data: map[string]string{"x": "kind: value"}})
	got, err := Entries(t.Context(), client, "food-svc")
	if err != nil || got["x"] != "kind: value" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Entries(t.Context(), client, "elsewhere"); err != nil || len(got) != 0 {
		t.Errorf("a namespace without one: %v, %v", got, err)
	}
}

// An entry that is accepted says no more and no less than its text, and can be defined or is refused with a reason.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "kind: ratio\ngood: a\ntotal: b", "buckets: b{s=\"$service\"}\nquantile: 0.99", "quantile: .nan", "query: |\n  a\n  b", "a: &x [*x]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := decode(text)
		if err != nil {
			return
		}
		for _, q := range []string{e.Good, e.Bad, e.Total, e.Buckets, e.Query} {
			if q != "" && strings.TrimSpace(text) == "" {
				t.Fatalf("%q gave the query %q", text, q)
			}
		}
		limit := blueprint.Threshold{Op: "<", Value: .5}
		defs, err := Define(map[string]blueprint.KPI{"x": {Threshold: limit}}, map[string]string{"x": text})
		if err != nil {
			return
		}
		if d := defs[0]; d.Rule.Kind == blueprint.Quantile && !(d.Rule.Quantile > 0 && d.Rule.Quantile < 1 && !math.IsNaN(d.Rule.Quantile)) {
			t.Fatalf("%q gave the quantile %v", text, d.Rule.Quantile)
		}
	})
}
