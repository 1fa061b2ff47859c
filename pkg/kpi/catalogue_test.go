package kpi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// limits are thresholds that fit a built-in's kind.
var limits = map[blueprint.KPIKind]string{blueprint.Ratio: "< 1%", blueprint.Quantile: "< 1s", blueprint.Value: "> 1"}

// What the rows answer with is shown on a real engine, in playground/prometheus. Here: that each is whole.
func TestRowsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range catalogue() {
		if p.name == "" || seen[p.name] || p.requests == "" || p.status == "" || p.failed == "" || p.served == "" || p.source == "" {
			t.Errorf("%q lacks something, or is there twice: %+v", p.name, p)
		}
		seen[p.name] = true
		if (p.buckets == "") != (p.unit == "") || p.unit != "" && p.unit != "s" && p.unit != "ms" {
			t.Errorf("%s: buckets %q in %q", p.name, p.buckets, p.unit)
		}
		if (p.slot == "") == (p.joined == "") || p.joined != "" && strings.Count(p.joined, "%s") != 1 {
			t.Errorf("%s: slot %q, joined %q", p.name, p.slot, p.joined)
		}
		if p.clashes && p.renamed().slot == p.slot {
			t.Errorf("%s: nothing to rename in %s", p.name, p.slot)
		}
	}
}

// Every row of every built-in aims the slots at different series, fills in every name, and survives the record.
func TestRowsAimAtTheSlots(t *testing.T) {
	left := regexp.MustCompile(`\$[a-z]`)
	for name, b := range builtins() {
		d := one(t, name, limits[b.kind], blueprint.KPI{}, nil)
		check := Check{Definition: d, Green: green, Blue: blue}
		text, err := json.Marshal(check)
		if err != nil {
			t.Fatal(err)
		}
		var kept Check
		if err := json.Unmarshal(text, &kept); err != nil || !reflect.DeepEqual(kept, check) {
			t.Errorf("%s comes back from the record as %+v, %v", name, kept, err)
		}
		candidates, err := kept.candidates()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range candidates {
			for i, slots := range [][2]string{{c.green.what, c.blue.what}, {c.green.hits, c.blue.hits}, {c.green.buckets, c.blue.buckets}, {c.green.value, c.blue.value}} {
				if slots[0] == slots[1] && slots[0] != "" || (slots[0] == "") != (slots[1] == "") {
					t.Errorf("%s on %s: query %d is %s for green and %s for blue", name, c.plane, i, slots[0], slots[1])
				}
				if left.MatchString(slots[0] + slots[1]) {
					t.Errorf("%s on %s: %s %s", name, c.plane, slots[0], slots[1])
				}
			}
			if c.green.total[0] != c.green.what {
				t.Errorf("%s on %s: %+v", name, c.plane, c.green)
			}
		}
	}
}

func TestNarrow(t *testing.T) {
	d := one(t, "error_rate", "< 1%", blueprint.KPI{}, nil)
	p99 := one(t, "p99", "< 1s", blueprint.KPI{}, nil)
	own := one(t, "own", "< 1%", blueprint.KPI{Bad: `b{s="$service"}`, Total: `t{s="$service"}`}, nil)
	s := &shelf{answers: map[string]Answer{}}
	for _, q := range []string{
		`count(traefik_service_requests_total{exported_service=~"httproute-.+-svc-food-svc-hms-svc-food-[0-9]+@kubernetesgateway"})`,
		`count(istio_requests_total{destination_service_namespace="food-svc",destination_service_name="hms-svc-food",reporter="source"})`,
		`count(istio_request_duration_milliseconds_bucket{destination_service_namespace="food-svc",destination_service_name="hms-svc-food",reporter="source"})`,
	} {
		s.put(q, map[string]float64{"": 3})
	}
	got, err := Narrow(t.Context(), s, Checks([]Definition{d, p99, own}, []Pair{{Green: green, Blue: blue}, delivery}))
	if err != nil || len(s.asked) != 1 {
		t.Fatalf("%v, %d requests", err, len(s.asked))
	}
	if q := got[0].Queries; len(q) != 1 || q[0].Plane != "traefik, gateway api, exported labels" {
		t.Errorf("the first with data is %+v", q)
	}
	if q := got[1].Queries; len(q) != 1 || q[0].Plane != "istio, gateway" || q[0].Unit != "ms" {
		t.Errorf("the first with a histogram is %+v", q)
	}
	if len(got[2].Queries) != 1 || len(got[3].Queries) != len(d.Queries) {
		t.Errorf("left as they were: %d, %d", len(got[2].Queries), len(got[3].Queries))
	}
	s.asked = nil
	if _, err := Narrow(t.Context(), s, Checks([]Definition{own}, []Pair{{Green: green, Blue: blue}})); err != nil || len(s.asked) != 0 {
		t.Errorf("with nothing to find out: %v, %d requests", err, len(s.asked))
	}
}

func TestMillisecondBuckets(t *testing.T) {
	d := one(t, "p50", "< 300ms", blueprint.KPI{Buckets: `ms_bucket{s="$service"}`, Unit: "ms", Quantile: .5, For: 1}, nil)
	s := newStage(t, d)
	query := `ms_bucket{s="hms-svc-food-blue"}`
	lay := func(n float64) {
		var all []Series
		for le, share := range map[string]float64{"100": .2, "300": .4, "1000": 1, "+Inf": 1} {
			all = append(all, Series{Labels: map[string]string{"le": le}, Value: n * share})
		}
		s.answers[query] = Answer{Series: all}
	}
	lay(0)
	s.begin()
	lay(100)
	if r := s.round(); !strings.Contains(r.Reason, "300ms") || !strings.Contains(r.Reason, "60 of 100") {
		t.Errorf("%s: %s", r.Verdict, r.Reason)
	}
}

// asked is a built-in KPI on one data plane as it is sent, for playground/prometheus to try on a real engine.
type asked struct {
	Plane   string   `json:"plane"`
	KPI     string   `json:"kpi"`
	Slot    string   `json:"slot"`
	Hits    string   `json:"hits,omitempty"`
	Total   []string `json:"total"`
	Buckets string   `json:"buckets,omitempty"`
	Units   float64  `json:"units,omitempty"`
	Value   string   `json:"value,omitempty"`
}

var update = flag.Bool("update", false, "rewrite generated files")

func TestQueriesAreCurrent(t *testing.T) {
	target := func(name string) Target {
		return Target{Namespace: "food-svc", Component: "food", Service: name, Workload: name}
	}
	var all []asked
	for _, name := range slices.Sorted(maps.Keys(builtins())) {
		if strings.HasPrefix(name, "latency_") || name == "p50" || name == "p90" || name == "p95" {
			continue // ask the same as p99
		}
		check := Check{Definition: one(t, name, limits[builtins()[name].kind], blueprint.KPI{}, nil), Green: target("food"), Blue: target("food-blue")}
		candidates, err := check.candidates()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range candidates {
			for slot, a := range map[string]aimed{"green": c.green, "blue": c.blue} {
				all = append(all, asked{c.plane, name, slot, a.hits, a.total, a.buckets, a.units, a.value})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b asked) int {
		return cmp.Or(cmp.Compare(a.Plane, b.Plane), cmp.Compare(a.KPI, b.KPI), cmp.Compare(a.Slot, b.Slot))
	})
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	current(t, "testdata/queries.json", want.Bytes())
}

// current holds a generated file against what it should be, or rewrites it.
func current(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the catalogue says (%v); run: go generate ./pkg/kpi", path, err)
	}
}

// docs/kpis.md shows the catalogue, between two marks.
func TestCatalogueIsDocumented(t *testing.T) {
	const path, from, to = "../../docs/kpis.md", "<!-- catalogue -->\n", "<!-- /catalogue -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), from)
	_, after, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s lacks the marks %s and %s", path, from, to)
	}
	var table strings.Builder
	table.WriteString("| data plane | requests, failures | durations | how a slot is named | needs |\n|---|---|---|---|---|\n")
	for _, p := range catalogue() {
		failed := p.status + `=~"` + p.failed + `"`
		if p.status == "__name__" {
			failed = p.failed
		}
		durations := "–"
		if p.buckets != "" {
			durations = "`" + p.buckets + "`, " + p.unit
		}
		slot := "`" + p.slot + "`"
		if p.joined != "" {
			slot = "the pod's address, by way of `kube_pod_info`"
		}
		if p.blue != "" {
			slot += ", blue `" + p.blue + "`"
		}
		name := p.name
		if strings.HasPrefix(p.source, "https://") {
			name = "[" + name + "](" + p.source + ")"
		}
		fmt.Fprintf(&table, "| %s | `%s`, `%s` | %s | %s | %s |\n", name, p.requests, failed, durations,
			strings.ReplaceAll(slot, "|", "\\|"), p.needs)
	}
	current(t, path, []byte(before+from+table.String()+to+after))
}
