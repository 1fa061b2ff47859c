package gateway

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// base is a gateway for any host, one for *.example.com that other namespaces may use, and services a, b, c (without
// endpoints) and d (draining).
const base = `
{kind: GatewayClass, metadata: {name: playground, generation: 1}, spec: {controllerName: playground.dro.dev/gateway}}
---
{kind: GatewayClass, metadata: {name: foreign}, spec: {controllerName: example.com/other}}
---
{kind: Gateway, metadata: {name: food, namespace: ns, generation: 3}, spec: {gatewayClassName: playground, listeners: [{name: web, protocol: HTTP, port: 80}]}}
---
{kind: Gateway, metadata: {name: wild, namespace: infra}, spec: {gatewayClassName: playground, listeners: [
  {name: web, protocol: HTTP, port: 80, hostname: "*.example.com", allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: food}}}}},
  {name: tls, protocol: HTTPS, port: 443}]}}
---
{kind: Gateway, metadata: {name: other, namespace: ns}, spec: {gatewayClassName: foreign, listeners: [{name: web, protocol: HTTP, port: 80}]}}
---
{kind: Namespace, metadata: {name: ns, labels: {team: food}}}
---
{kind: Namespace, metadata: {name: far, labels: {team: fleet}}}
---
{kind: Service, metadata: {name: a, namespace: ns}, spec: {ports: [{name: http, port: 80}, {name: admin, port: 81}]}}
---
{kind: EndpointSlice, metadata: {name: a-1, namespace: ns, labels: {kubernetes.io/service-name: a}}, addressType: IPv4,
 ports: [{name: http, port: 8080}, {name: admin, port: 9090}], endpoints: [{addresses: [10.244.1.1]}, {addresses: [10.244.1.2], conditions: {ready: false}}]}
---
{kind: EndpointSlice, metadata: {name: a-2, namespace: ns, labels: {kubernetes.io/service-name: a}}, addressType: IPv4,
 ports: [{name: http, port: 8080}], endpoints: [{addresses: [10.244.1.1]}, {addresses: [10.244.1.3], conditions: {ready: false, serving: true, terminating: true}}]}
---
{kind: Service, metadata: {name: b, namespace: ns}, spec: {ports: [{port: 80}]}}
---
{kind: EndpointSlice, metadata: {name: b-1, namespace: ns, labels: {kubernetes.io/service-name: b}}, addressType: IPv4,
 ports: [{port: 8080}], endpoints: [{addresses: [10.244.2.1]}]}
---
{kind: Service, metadata: {name: c, namespace: ns}, spec: {ports: [{port: 80}, {port: 50, appProtocol: kubernetes.io/h2c}]}}
---
{kind: Service, metadata: {name: d, namespace: ns}, spec: {ports: [{port: 80}]}}
---
{kind: EndpointSlice, metadata: {name: d-1, namespace: ns, labels: {kubernetes.io/service-name: d}}, addressType: IPv4,
 ports: [{port: 8080}], endpoints: [{addresses: [10.244.4.1], conditions: {ready: false, serving: true, terminating: true}}, {addresses: [10.244.4.2], conditions: {ready: false, serving: false, terminating: true}}]}
---
{kind: Service, metadata: {name: f, namespace: far}, spec: {ports: [{port: 80}]}}
---
{kind: EndpointSlice, metadata: {name: f-1, namespace: far, labels: {kubernetes.io/service-name: f}}, addressType: IPv4,
 ports: [{port: 8080}], endpoints: [{addresses: [10.244.6.1]}]}
`

// read builds a cluster from documents; route names and namespaces default to r and ns.
func read(t testing.TB, docs ...string) cluster {
	t.Helper()
	c := cluster{namespaces: map[string]map[string]string{}, services: map[types.NamespacedName]*corev1.Service{},
		slices: map[types.NamespacedName][]*discoveryv1.EndpointSlice{}}
	for _, doc := range strings.Split(strings.Join(docs, "\n---\n"), "\n---\n") {
		var kind metav1.TypeMeta
		into(t, doc, &kind, yaml.Unmarshal)
		switch kind.Kind {
		case "GatewayClass":
			c.classes = append(c.classes, into(t, doc, &gwv1.GatewayClass{}, yaml.UnmarshalStrict))
		case "Gateway":
			c.gateways = append(c.gateways, into(t, doc, &gwv1.Gateway{}, yaml.UnmarshalStrict))
		case "HTTPRoute":
			r := into(t, doc, &gwv1.HTTPRoute{}, yaml.UnmarshalStrict)
			if r.Name == "" {
				r.Name = "r"
			}
			if r.Namespace == "" {
				r.Namespace = "ns"
			}
			c.routes = append(c.routes, r)
		case "ReferenceGrant":
			c.grants = append(c.grants, into(t, doc, &gwv1.ReferenceGrant{}, yaml.UnmarshalStrict))
		case "Namespace":
			n := into(t, doc, &corev1.Namespace{}, yaml.UnmarshalStrict)
			c.namespaces[n.Name] = n.Labels
		case "Service":
			s := into(t, doc, &corev1.Service{}, yaml.UnmarshalStrict)
			c.services[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s
		case "EndpointSlice":
			s := into(t, doc, &discoveryv1.EndpointSlice{}, yaml.UnmarshalStrict)
			name := types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
			c.slices[name] = append(c.slices[name], s)
		default:
			t.Fatalf("unexpected kind %q in %s", kind.Kind, doc)
		}
	}
	return c
}

func into[T any](t testing.TB, doc string, v *T, unmarshal func([]byte, any, ...yaml.JSONOpt) error) *T {
	t.Helper()
	if err := unmarshal([]byte(doc), v); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return v
}

func compiled(t testing.TB, docs ...string) (*table, stale) {
	t.Helper()
	c := compiler{cluster: read(t, append([]string{strings.TrimSpace(base)}, docs...)...), address: "127.0.0.1",
		now: metav1.NewTime(time.Unix(1000, 0)), seriesOf: newMetrics().of}
	return c.compile()
}

// TestFind has several routes per case; each forwards to its rule's own service-less backend named after what should match.
func TestFind(t *testing.T) {
	for name, tc := range map[string]struct {
		routes []string
		asked  map[string]string // METHOD URL [Header:value] → backend; "" is no route
	}{
		"any": {
			[]string{`{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [{name: x}]}]}}`},
			map[string]string{"GET http://h/": "x", "POST http://other:8080/deep/path?q=1": "x"},
		},
		"hostnames": {
			[]string{
				`{kind: HTTPRoute, metadata: {name: exact}, spec: {parentRefs: [{name: food}], hostnames: [food.example], rules: [{backendRefs: [{name: exact}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: deep}, spec: {parentRefs: [{name: food}], hostnames: ["*.eu.example"], rules: [{backendRefs: [{name: deep}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: wide}, spec: {parentRefs: [{name: food}], hostnames: ["*.example"], rules: [{backendRefs: [{name: wide}]}]}}`,
			},
			map[string]string{"GET http://food.example/": "exact", "GET http://FOOD.example:8000/": "exact", "GET http://a.eu.example/": "deep",
				"GET http://a.b.eu.example/": "deep", "GET http://eu.example/": "wide", "GET http://example/": "", "GET http://food.example.org/": ""},
		},
		"a host's routes come before a wildcard's, which still get what those leave": {
			[]string{
				`{kind: HTTPRoute, metadata: {name: exact}, spec: {parentRefs: [{name: food}], hostnames: [food.example], rules: [{matches: [{path: {value: /pay}}], backendRefs: [{name: exact}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: wide}, spec: {parentRefs: [{name: food}], hostnames: ["*.example"], rules: [{matches: [{path: {type: Exact, value: /pay}}, {}], backendRefs: [{name: wide}]}]}}`,
			},
			map[string]string{"GET http://food.example/pay": "exact", "GET http://food.example/": "wide"},
		},
		"paths": {
			[]string{`{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [
				{matches: [{path: {value: /}}], backendRefs: [{name: root}]},
				{matches: [{path: {type: PathPrefix, value: /pay}}], backendRefs: [{name: pay}]},
				{matches: [{path: {type: PathPrefix, value: /pay/now/}}], backendRefs: [{name: now}]},
				{matches: [{path: {type: Exact, value: /pay/now}}], backendRefs: [{name: exact}]}]}}`},
			map[string]string{"GET http://h/": "root", "GET http://h/payment": "root", "GET http://h/pay": "pay", "GET http://h/pay/": "pay",
				"GET http://h/pay/later": "pay", "GET http://h/pay/now": "exact", "GET http://h/pay/now/": "now", "GET http://h/pay/now/x": "now"},
		},
		"method, headers and query, in this order": {
			[]string{`{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [
				{backendRefs: [{name: plain}]},
				{matches: [{queryParams: [{name: v, value: "2"}]}], backendRefs: [{name: query}]},
				{matches: [{headers: [{name: x-user, value: beta}]}], backendRefs: [{name: header}]},
				{matches: [{headers: [{name: x-user, value: beta}, {name: x-region, value: eu}, {name: X-REGION, value: ignored}]}], backendRefs: [{name: headers}]},
				{matches: [{method: POST}], backendRefs: [{name: method}]}]}}`},
			map[string]string{"GET http://h/": "plain", "GET http://h/?v=2": "query", "GET http://h/?v=3&v=2": "plain", "GET http://h/?v=2 X-User:beta": "header",
				"GET http://h/ X-User:beta X-Region:eu": "headers", "POST http://h/?v=2 X-User:beta": "method", "GET http://h/ X-User:betan": "plain"},
		},
		"a header that meets an expression": {
			[]string{`{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [
				{backendRefs: [{name: plain}]},
				{matches: [{headers: [{type: RegularExpression, name: cookie, value: "^(.*; ?)?slot=blue(;.*)?$"}]}], backendRefs: [{name: blue}]}]}}`},
			map[string]string{"GET http://h/": "plain", "GET http://h/ Cookie:slot=blue": "blue", "GET http://h/ Cookie:a=1;slot=blue": "blue", "GET http://h/ Cookie:slot=bluer": "plain"},
		},
		"the older route wins, then the name": {
			[]string{
				`{kind: HTTPRoute, metadata: {name: b, creationTimestamp: "2026-01-02T00:00:00Z"}, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [{name: b}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: a, creationTimestamp: "2026-01-02T00:00:00Z"}, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [{name: a}]}, {matches: [{path: {value: /pay}}], backendRefs: [{name: late}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: z, creationTimestamp: "2026-01-01T00:00:00Z"}, spec: {parentRefs: [{name: food}], rules: [{matches: [{path: {value: /pay}}], backendRefs: [{name: oldest}]}]}}`,
			},
			map[string]string{"GET http://h/": "a", "GET http://h/pay": "oldest"},
		},
		"what is not accepted is not there": {
			[]string{
				`{kind: HTTPRoute, metadata: {name: a}, spec: {parentRefs: [{name: other}], rules: [{backendRefs: [{name: foreign}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: b}, spec: {parentRefs: [{name: food}], rules: [{matches: [{path: {type: RegularExpression, value: "/.*"}}], backendRefs: [{name: regex}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: c, namespace: far}, spec: {parentRefs: [{name: food, namespace: ns}], rules: [{backendRefs: [{name: far}]}]}}`,
				`{kind: HTTPRoute, metadata: {name: d}, spec: {parentRefs: [{name: wild, namespace: infra}], rules: [{backendRefs: [{name: wild}]}]}}`,
			},
			map[string]string{"GET http://h/": "", "GET http://a.example.com/": "wild"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, _ := compiled(t, tc.routes...)
			for asked, want := range tc.asked {
				words := strings.Fields(asked)
				r := httptest.NewRequest(words[0], words[1], nil)
				for _, h := range words[2:] {
					name, value, _ := strings.Cut(h, ":")
					r.Header.Set(name, value)
				}
				got := ""
				if rule, _ := table.find(r); rule != nil {
					got = rule.backends[0].series.key.backend.Name
				}
				if got != want {
					t.Errorf("%s went to %q, want %q", asked, got, want)
				}
			}
		})
	}
}

// TestBackends checks where a rule's shares go: an address, or the status answered instead.
func TestBackends(t *testing.T) {
	for name, tc := range map[string]struct {
		refs   string
		want   string // "weight:endpoints or status" of each backend that gets requests
		reason gwv1.RouteConditionReason
	}{
		"ready endpoints once":             {`[{name: a, port: 80}]`, "1:10.244.1.1:8080", "ResolvedRefs"},
		"the port's own number":            {`[{name: a, port: 81}]`, "1:10.244.1.1:9090", "ResolvedRefs"},
		"two weights":                      {`[{name: a, port: 80, weight: 99}, {name: b, port: 80, weight: 1}]`, "99:10.244.1.1:8080 1:10.244.2.1:8080", "ResolvedRefs"},
		"no weight, no requests":           {`[{name: a, port: 80, weight: 100}, {name: b, port: 80, weight: 0}]`, "100:10.244.1.1:8080", "ResolvedRefs"},
		"nobody serves":                    {`[{name: a, port: 80}, {name: c, port: 80}]`, "1:10.244.1.1:8080 1:503", "ResolvedRefs"},
		"those that drain, if nobody else": {`[{name: d, port: 80}]`, "1:10.244.4.1:8080", "ResolvedRefs"},
		"no such service":                  {`[{name: a, port: 80, weight: 3}, {name: gone, port: 80}]`, "3:10.244.1.1:8080 1:500", "BackendNotFound"},
		"no such service, no weight":       {`[{name: a, port: 80}, {name: gone, port: 80, weight: 0}]`, "1:10.244.1.1:8080", "BackendNotFound"},
		"no such port":                     {`[{name: a, port: 82}]`, "1:500", "BackendNotFound"},
		"no port":                          {`[{name: a}]`, "1:500", "BackendNotFound"},
		"another kind":                     {`[{name: a, kind: Bucket, group: s3.example, port: 80}]`, "1:500", "InvalidKind"},
		"another protocol":                 {`[{name: c, port: 50}]`, "1:500", "UnsupportedProtocol"},
		"a granted service elsewhere":      {`[{name: f, namespace: far, port: 80}]`, "1:10.244.6.1:8080", "ResolvedRefs"},
		"another one there":                {`[{name: g, namespace: far, port: 80}]`, "1:500", "RefNotPermitted"},
		"nothing":                          {`[]`, "", "ResolvedRefs"},
	} {
		t.Run(name, func(t *testing.T) {
			table, old := compiled(t,
				`{kind: ReferenceGrant, metadata: {name: g, namespace: far}, spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: ns}], to: [{group: "", kind: Service, name: f}]}}`,
				`{kind: ReferenceGrant, metadata: {name: h, namespace: far}, spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: "", kind: Service}]}}`,
				`{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [{backendRefs: `+tc.refs+`}]}}`)
			rule, _ := table.find(httptest.NewRequest("GET", "http://h/", nil))
			if got := shares(rule); got != tc.want {
				t.Errorf("shares %q, want %q", got, tc.want)
			}
			for _, c := range old.routes[0].Status.Parents[0].Conditions {
				switch {
				case c.Type == "Accepted" && c.Status != "True":
					t.Errorf("not accepted: %+v", c)
				case c.Type == "ResolvedRefs" && (c.Reason != string(tc.reason) || (c.Status == "True") != (tc.reason == "ResolvedRefs")):
					t.Errorf("%+v, want reason %s", c, tc.reason)
				}
			}
		})
	}
}

func shares(r *rule) string {
	var out []string
	before := uint64(0)
	for _, b := range r.backends {
		to := strings.Join(b.endpoints, ",")
		if b.status != 0 {
			to = itoa(b.status)
		}
		out = append(out, itoa(int(b.upTo-before))+":"+to)
		before = b.upTo
	}
	return strings.Join(out, " ")
}
