package traffic

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
)

// A gateway that does not say that it can is not tried: it might answer everybody with an error.
func TestCanStick(t *testing.T) {
	const both = `{"name":"HTTPRouteBackendRequestHeaderModification"},{"name":"HTTPRouteResponseHeaderModification"}`
	for name, tc := range map[string]struct {
		row, parents, features string
		says                   string // "": it can
	}{
		"a gateway that says so":         {"gateway-api", `[{"name":"g"}]`, both, ""},
		"as it was said once":            {"gateway-api", `[{"name":"g"}]`, `"HTTPRouteBackendRequestHeaderModification","HTTPRouteResponseHeaderModification"`, ""},
		"one that lacks a feature":       {"gateway-api", `[{"name":"g"}]`, `{"name":"HTTPRouteResponseHeaderModification"}`, "gatewayclass c does not say in status.supportedFeatures that its gateways have HTTPRouteBackendRequestHeaderModification"},
		"one that says nothing":          {"gateway-api", `[{"name":"g"}]`, "", "gatewayclass c does not say"},
		"one in another namespace":       {"gateway-api", `[{"name":"far","namespace":"infra"}]`, "", "gatewayclass c does not say"},
		"one that is not there":          {"gateway-api", `[{"name":"gone"}]`, "", ""},
		"a mesh":                         {"gateway-api", `[{"name":"svc","kind":"Service","group":""}]`, both, "its parent service ns/svc has no class"},
		"a class that is not there":      {"gateway-api", `[{"name":"lost"}]`, both, "read gatewayclass nowhere"},
		"Istio's own, which has no such": {"istio", `[]`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			group := schema.GroupVersion{Group: "gateway.networking.k8s.io", Version: "v1"}
			gateways, classes := group.WithResource("gateways"), group.WithResource("gatewayclasses")
			client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
				map[schema.GroupVersionResource]string{gateways: "GatewayList", classes: "GatewayClassList"})
			add := func(resource schema.GroupVersionResource, namespace, text string) {
				if err := client.Tracker().Create(resource, &unstructured.Unstructured{Object: parse(t, text)}, namespace); err != nil {
					t.Fatal(err)
				}
			}
			for at, class := range map[string]string{"ns/g": "c", "infra/far": "c", "ns/lost": "nowhere"} {
				namespace, name, _ := strings.Cut(at, "/")
				add(gateways, namespace, `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"namespace":"`+namespace+`","name":"`+name+`"},"spec":{"gatewayClassName":"`+class+`"}}`)
			}
			add(classes, "", `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"GatewayClass","metadata":{"name":"c"},"status":{"supportedFeatures":[`+tc.features+`]}}`)
			r := Route{Row: rowNamed(t, tc.row), Namespace: "ns", Name: "r", Original: []byte(`{"spec":{"parentRefs":` + tc.parents + `}}`)}
			err := CanStick(t.Context(), client, []Route{r})
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}
