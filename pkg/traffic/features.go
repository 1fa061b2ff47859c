package traffic

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// cookieFeatures are what a gateway must have for people to stay on a slot by cookies, by the names that the Gateway API's
// conformance gives them. One that takes no filters on a backend would answer everybody with an error, green's people too.
func cookieFeatures() []string {
	return []string{"HTTPRouteBackendRequestHeaderModification", "HTTPRouteResponseHeaderModification"}
}

// CanStick is an error when people can't stay on their slot by cookies through a route's gateways: when one does not say, in
// its class, that it has the features for it.
func CanStick(ctx context.Context, client dynamic.Interface, routes []Route) error {
	for _, r := range routes {
		if r.Row.Choosing.Sticky != cookieSticky || r.Row.Choosing.Match != gatewayMatch {
			continue
		}
		object, err := r.object()
		if err != nil {
			return err
		}
		listed, _ := at(object, r.Row.Observed.Wanted)
		parents, _ := listed.([]any)
		for _, parent := range parents {
			if err := r.featured(ctx, client, parent); err != nil {
				return fmt.Errorf("%s: sticky: %w\n  take sticky: out of the phase, or let the route go through a gateway that has them", r, err)
			}
		}
	}
	return nil
}

// featured is an error when a parent of the route is not known to have the features for cookies.
func (r Route) featured(ctx context.Context, client dynamic.Interface, parent any) error {
	kind, namespace := "Gateway", r.Namespace
	if v, ok := at(parent, "kind"); ok {
		kind = fmt.Sprint(v)
	}
	if v, ok := at(parent, "namespace"); ok {
		namespace = fmt.Sprint(v)
	}
	name, _ := at(parent, "name")
	if kind != "Gateway" {
		return fmt.Errorf("its parent %s %s/%s has no class that says whether it has the features", strings.ToLower(kind), namespace, name)
	}
	resource := schema.GroupVersionResource{Group: r.Row.Group, Version: r.Row.Version, Resource: "gateways"}
	gateway, err := client.Resource(resource).Namespace(namespace).Get(ctx, fmt.Sprint(name), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil // nobody serves the route through it
	}
	if err != nil {
		return fmt.Errorf("read gateway %s/%s: %w", namespace, name, err)
	}
	class, _, _ := unstructured.NestedString(gateway.Object, "spec", "gatewayClassName")
	resource.Resource = "gatewayclasses"
	found, err := client.Resource(resource).Get(ctx, class, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read gatewayclass %s: %w", class, err)
	}
	has := supported(found.Object)
	for _, wanted := range cookieFeatures() {
		if !slices.Contains(has, wanted) {
			return fmt.Errorf("gatewayclass %s does not say in status.supportedFeatures that its gateways have %s", class, wanted)
		}
	}
	return nil
}

// supported are the names of the features that a GatewayClass lists; they were plain texts once.
func supported(class map[string]any) []string {
	listed, _ := at(class, "status.supportedFeatures")
	features, _ := listed.([]any)
	var names []string
	for _, f := range features {
		if name, ok := at(f, "name"); ok {
			f = name
		}
		names = append(names, fmt.Sprint(f))
	}
	return names
}
