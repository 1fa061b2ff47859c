package kpi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// ConfigMap is the name of the ConfigMap with a namespace's own KPI definitions.
const ConfigMap = "dro-kpis"

// builtIn is the origin of a definition that comes with the plugin.
const builtIn = "built in"

// Definition is a KPI with its queries, not yet aimed at a slot.
type Definition struct {
	Name     string
	Rule     judge.Rule
	Interval time.Duration // between rounds, at least; 0: as often as there are scrapes
	NoData   blueprint.NoData
	Source   blueprint.Source `json:",omitempty"` // empty: Prometheus
	Origin   string           // where the queries come from, for people
	Queries  []Queries        // the first of them that has data for green counts
}

// Queries are PromQL with $namespace, $service, $pods and $workload in the place of names.
type Queries struct {
	Plane   string   `json:"plane,omitempty"` // the data plane a built-in row is for
	Good    string   `json:"good,omitempty"`
	Bad     string   `json:"bad,omitempty"`
	Total   string   `json:"total,omitempty"`
	Buckets string   `json:"buckets,omitempty"`
	Unit    string   `json:"unit,omitempty"` // of Buckets' bounds: s, which is the default, or ms
	Query   string   `json:"query,omitempty"`
	Blue    *Queries `json:"blue,omitempty"` // what blue is asked with; nil: the same
}

// entry is a definition in the ConfigMap: the blueprint's keys, without what is the blueprint's to say.
type entry struct {
	Kind     blueprint.KPIKind `json:"kind,omitempty"`
	Quantile float64           `json:"quantile,omitempty"`
	Good     string            `json:"good,omitempty"`
	Bad      string            `json:"bad,omitempty"`
	Total    string            `json:"total,omitempty"`
	Buckets  string            `json:"buckets,omitempty"`
	Unit     string            `json:"unit,omitempty"`
	Query    string            `json:"query,omitempty"`
}

func (e entry) queries() Queries {
	return Queries{Good: e.Good, Bad: e.Bad, Total: e.Total, Buckets: e.Buckets, Unit: e.Unit, Query: e.Query}
}

// Define finds the queries of every KPI wanted: its own, else the ConfigMap's entry of that name, else the built-in.
// The result is sorted by name.
func Define(wanted map[string]blueprint.KPI, entries map[string]string) ([]Definition, error) {
	var out []Definition
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		d, err := define(name, wanted[name], entries)
		if err != nil {
			problems = append(problems, fmt.Errorf("kpi %s: %w", name, err))
		}
		out = append(out, d)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return out, nil
}

// Entries reads the namespace's ConfigMap dro-kpis. A namespace without one has no entries.
func Entries(ctx context.Context, client kubernetes.Interface, namespace string) (map[string]string, error) {
	cm, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, ConfigMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read configmap %s/%s: %w", namespace, ConfigMap, err)
	}
	return cm.Data, nil
}

func define(name string, k blueprint.KPI, entries map[string]string) (Definition, error) {
	d := Definition{Name: name, NoData: k.NoData, Source: k.Source}
	if d.NoData == "" {
		d.NoData = blueprint.NoDataRollback
	}
	if k.Interval != nil {
		d.Interval = k.Interval.Duration
	}
	own := entry{Kind: k.Kind, Quantile: k.Quantile, Good: k.Good, Bad: k.Bad, Total: k.Total, Buckets: k.Buckets, Unit: k.Unit, Query: k.Query}
	d.Rule = judge.Rule{Kind: k.Kind, Threshold: k.Threshold, Quantile: k.Quantile, For: k.For}
	if d.Rule.For == 0 {
		d.Rule.For = 2
	}
	place := k.Place()
	if k.Source == blueprint.FromJob && own.queries() == (Queries{}) {
		own.Query = jobQuery
	}
	text, listed := entries[name]
	row, known := builtins()[name]
	switch {
	case own.queries() != Queries{}:
		d.Origin = "blueprint"
		return d, d.use(own, place)
	case listed:
		d.Origin = "configmap " + ConfigMap
		e, err := decode(text)
		if err != nil {
			return d, fmt.Errorf("configmap %s: %w", ConfigMap, err)
		}
		if k.Quantile != 0 {
			e.Quantile = k.Quantile
		}
		if k.Kind != "" {
			e.Kind = k.Kind
		}
		return d, d.use(e, place)
	case known:
		d.Origin = builtIn
		d.Queries = row.candidates()
		d.Rule.Kind, d.Rule.Quantile = row.kind, row.quantile
		if k.Quantile != 0 && k.Quantile != row.quantile || k.Kind != "" && k.Kind != row.kind {
			return d, fmt.Errorf("kind or quantile differs from what %s means: give it its own queries, or another name", name)
		}
		return d, d.finish(place)
	}
	return d, unknown(name, entries)
}

// decode reads an entry of the ConfigMap.
func decode(text string) (entry, error) {
	var e entry
	if err := yaml.UnmarshalStrict([]byte(text), &e); err != nil {
		return entry{}, fmt.Errorf("%w (known keys: kind, good, bad, total, buckets, unit, query, quantile)", err)
	}
	return e, nil
}

// unknown lists what there is, and the name that was perhaps meant.
func unknown(name string, entries map[string]string) error {
	known := slices.AppendSeq(slices.Collect(maps.Keys(builtins())), maps.Keys(entries))
	slices.Sort(known)
	known = slices.Compact(known)
	hint, best := "", 3
	for _, k := range known {
		if d := distance(name, k); d < best {
			hint, best = fmt.Sprintf(", did you mean %s?", k), d
		}
	}
	return fmt.Errorf("nothing of that name is defined%s\n  give it its own queries in the blueprint, define it in configmap %s, or use one of: %s",
		hint, ConfigMap, strings.Join(known, ", "))
}

// distance is how many letters have to be changed, added or removed to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
