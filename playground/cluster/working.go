package cluster

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// working says of each kind that takes time when it works.
var working = map[schema.GroupKind]func(*unstructured.Unstructured) bool{
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: func(o *unstructured.Unstructured) bool { return holds(o, "Established", "status", "conditions") },
	{Group: "apps", Kind: "Deployment"}:                               deploymentWorks,
	{Group: "gateway.networking.k8s.io", Kind: "GatewayClass"}:        func(o *unstructured.Unstructured) bool { return holds(o, "Accepted", "status", "conditions") },
	{Group: "gateway.networking.k8s.io", Kind: "Gateway"}:             func(o *unstructured.Unstructured) bool { return holds(o, "Programmed", "status", "conditions") },
	{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}:           routeWorks,
}

func deploymentWorks(o *unstructured.Unstructured) bool {
	wanted, found, err := unstructured.NestedInt64(o.Object, "spec", "replicas")
	if err != nil || !found {
		return false
	}
	seen, _, seenErr := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	available, _, availableErr := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
	return seenErr == nil && availableErr == nil && seen == o.GetGeneration() && available >= wanted
}

// routeWorks wants every parent that the route names to have taken it.
func routeWorks(o *unstructured.Unstructured) bool {
	wanted, _, wantedErr := unstructured.NestedSlice(o.Object, "spec", "parentRefs")
	parents, _, err := unstructured.NestedSlice(o.Object, "status", "parents")
	if err != nil || wantedErr != nil || len(parents) < len(wanted) {
		return false
	}
	for _, p := range parents {
		parent, ok := p.(map[string]any)
		if !ok || !holds(&unstructured.Unstructured{Object: parent}, "Accepted", "conditions") || !holds(&unstructured.Unstructured{Object: parent}, "ResolvedRefs", "conditions") {
			return false
		}
	}
	return true
}

// holds says whether a condition in the list at path is true.
func holds(o *unstructured.Unstructured, kind string, path ...string) bool {
	conditions, _, err := unstructured.NestedSlice(o.Object, path...)
	if err != nil {
		return false
	}
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == kind && condition["status"] == "True" {
			return true
		}
	}
	return false
}
