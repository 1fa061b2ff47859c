package contract

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"dro.dev/kubectl-dro/pkg/traffic"
)

// BenchmarkShift is a shift of twenty components, each with an HTTPRoute of its own, through a real API server. Its
// budget is a second.
func BenchmarkShift(b *testing.B) {
	config := startPlane(b)
	row := traffic.Rows()[0]
	installSchemas(b, config, map[schema.GroupVersionResource]bool{row.GVR(): true})
	client, err := dynamic.NewForConfig(config)
	must(b, "connect", err)
	var targets []traffic.Target
	for i := range 20 {
		name := fmt.Sprintf("c%02d", i)
		_, err := client.Resource(row.GVR()).Namespace("default").Create(b.Context(), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": row.GVR().GroupVersion().String(), "kind": row.Kind, "metadata": map[string]any{"name": name},
			"spec": map[string]any{"rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": name, "port": int64(80)}}}}},
		}}, metav1.CreateOptions{})
		must(b, "create a route", err)
		targets = append(targets, traffic.Target{Namespace: "default", Component: name, Green: name, Blue: name + "-blue"})
	}
	mover := &traffic.Mover{Client: client}
	routes, err := traffic.Find(b.Context(), client, []traffic.Row{row}, targets...)
	must(b, "find the routes", err)
	for i := 0; b.Loop(); i++ {
		must(b, "shift", mover.Shift(b.Context(), routes, 1+i%100))
	}
}
