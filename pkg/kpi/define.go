package kpi

import (
	"context"
	"time"

	"k8s.io/client-go/kubernetes"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// ConfigMap is the name of the ConfigMap with a namespace's own KPI definitions.
const ConfigMap = "dro-kpis"

// Definition is a KPI with its queries, not yet aimed at a slot.
type Definition struct {
	Name     string
	Rule     judge.Rule
	Interval time.Duration
	NoData   blueprint.NoData
	Origin   string    // where the queries come from, for people
	Queries  []Queries // the first of them that has data for green counts
}

// Queries are PromQL with $namespace, $service, $pods and $workload in the place of names.
type Queries struct {
	Plane                            string // the data plane a built-in row is for
	Good, Bad, Total, Buckets, Query string
}

// Define finds the queries of every KPI wanted: its own, else the ConfigMap's entry of that name, else the built-in.
// The result is sorted by name.
func Define(wanted map[string]blueprint.KPI, entries map[string]string) ([]Definition, error) {
	panic("being written")
}

// Entries reads the namespace's ConfigMap dro-kpis. A namespace without one has no entries.
func Entries(ctx context.Context, client kubernetes.Interface, namespace string) (map[string]string, error) {
	panic("being written")
}
