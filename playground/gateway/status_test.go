package gateway

import (
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestRouteStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		spec string
		want string // Accepted's reason for each parent of ours
	}{
		"accepted":                          {`{parentRefs: [{name: food}], rules: [{backendRefs: [{name: a, port: 80}]}]}`, "Accepted"},
		"two parents":                       {`{parentRefs: [{name: food}, {name: wild, namespace: infra, sectionName: web}], rules: [{}]}`, "Accepted Accepted"},
		"another controller's":              {`{parentRefs: [{name: other}], rules: [{}]}`, ""},
		"nobody's":                          {`{parentRefs: [{name: absent}, {name: a, kind: Service, group: ""}], rules: [{}]}`, ""},
		"no such listener":                  {`{parentRefs: [{name: food, sectionName: tls}], rules: [{}]}`, "NoMatchingParent"},
		"no such port":                      {`{parentRefs: [{name: food, port: 443}], rules: [{}]}`, "NoMatchingParent"},
		"another protocol's listener":       {`{parentRefs: [{name: wild, namespace: infra, sectionName: tls}], rules: [{}]}`, "NoMatchingParent"},
		"no common hostname":                {`{parentRefs: [{name: wild, namespace: infra}], hostnames: [food.example], rules: [{}]}`, "NoMatchingListenerHostname"},
		"a common hostname":                 {`{parentRefs: [{name: wild, namespace: infra}], hostnames: [food.example, a.example.com], rules: [{}]}`, "Accepted"},
		"another namespace's, same only":    {`{parentRefs: [{name: food, namespace: ns}], rules: [{}]} in far`, "NotAllowedByListeners"},
		"another namespace's, not selected": {`{parentRefs: [{name: wild, namespace: infra}], rules: [{}]} in far`, "NotAllowedByListeners"},
		"unknown filter":                    {`{parentRefs: [{name: food}], rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}}}]}]}`, "UnsupportedValue"},
		"header expression":                 {`{parentRefs: [{name: food}], rules: [{matches: [{headers: [{type: RegularExpression, name: a, value: "["}]}]}]}`, "UnsupportedValue"},
		"filters that exclude":              {`{parentRefs: [{name: food}], rules: [{filters: [{type: URLRewrite, urlRewrite: {hostname: a}}, {type: RequestRedirect, requestRedirect: {hostname: b}}]}]}`, "IncompatibleFilters"},
		"prefix of an exact path":           {`{parentRefs: [{name: food}], rules: [{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}]}`, "UnsupportedValue"},
	} {
		t.Run(name, func(t *testing.T) {
			spec, namespace, _ := strings.Cut(tc.spec, " in ")
			_, old := compiled(t, `{kind: HTTPRoute, metadata: {generation: 7, namespace: "`+namespace+`"}, spec: `+spec+`}`)
			got := ""
			for _, r := range old.routes {
				for _, p := range r.Status.Parents {
					for _, c := range p.Conditions {
						if c.ObservedGeneration != 7 || p.ControllerName != ControllerName {
							t.Errorf("%+v of %s", c, p.ControllerName)
						}
						if c.Type == "Accepted" {
							if got != "" {
								got += " "
							}
							got += c.Reason
						}
					}
				}
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// TestStatusSettles: what was written once is not written again, other controllers' entries stay, ours that no longer apply go.
func TestStatusSettles(t *testing.T) {
	c := compiler{address: "127.0.0.1", now: metav1.Now(), seriesOf: newMetrics().of, cluster: read(t, base[1:],
		`{kind: HTTPRoute, metadata: {generation: 1}, spec: {parentRefs: [{name: food}, {name: wild, namespace: infra}], rules: [{backendRefs: [{name: a, port: 80}]}]},
		  status: {parents: [{parentRef: {name: other}, controllerName: example.com/other, conditions: []}]}}`)}
	_, old := c.compile()
	if len(old.classes) != 1 || len(old.gateways) != 2 || len(old.routes) != 1 {
		t.Fatalf("at first %d classes, %d gateways, %d routes", len(old.classes), len(old.gateways), len(old.routes))
	}
	for _, g := range old.gateways {
		if g.Name != "food" {
			continue
		}
		l := g.Status.Listeners[0]
		if g.Status.Addresses[0].Value != "127.0.0.1" || l.AttachedRoutes != 1 || len(l.Conditions) != 3 || len(g.Status.Conditions) != 2 {
			t.Errorf("gateway's status %+v", g.Status)
		}
		for _, cond := range append(l.Conditions, g.Status.Conditions...) {
			if cond.Status != metav1.ConditionTrue || cond.ObservedGeneration != 3 {
				t.Errorf("gateway's %+v", cond)
			}
		}
	}
	route := old.routes[0]
	again := compiler{address: c.address, now: metav1.Unix(5, 0), seriesOf: c.seriesOf, cluster: c.cluster}
	again.classes = append(again.classes[1:], old.classes...)
	again.gateways = append(again.gateways[2:], old.gateways...)
	again.routes = []*gwv1.HTTPRoute{route}
	if _, old := again.compile(); len(old.classes)+len(old.gateways)+len(old.routes) > 0 {
		t.Errorf("written again: %+v", old)
	}

	route = route.DeepCopy()
	route.Generation, route.Spec.ParentRefs = 2, route.Spec.ParentRefs[:1]
	again.routes, again.stale = []*gwv1.HTTPRoute{route}, stale{}
	_, old = again.compile()
	parents := old.routes[0].Status.Parents
	if len(parents) != 2 || parents[0].ControllerName != "example.com/other" || parents[1].ParentRef.Name != "food" {
		t.Fatalf("parents %+v", parents)
	}
	for _, cond := range parents[1].Conditions {
		if cond.ObservedGeneration != 2 || !cond.LastTransitionTime.Equal(&c.now) {
			t.Errorf("a condition that did not change: %+v", cond)
		}
	}
}

func TestIntersect(t *testing.T) {
	for _, tc := range []struct{ listener, route, want string }{
		{"", "", ""}, {"", "a.b", "a.b"}, {"a.b", "", "a.b"}, {"a.b", "A.B", "a.b"}, {"a.b", "c.b", "-"},
		{"*.b", "a.b", "a.b"}, {"*.b", "x.a.b", "x.a.b"}, {"*.b", "b", "-"}, {"a.b", "*.b", "a.b"},
		{"*.b", "*.a.b", "*.a.b"}, {"*.a.b", "*.b", "*.a.b"}, {"*.b", "*.c", "-"}, {"*.b", "ab", "-"},
	} {
		var hosts []gwv1.Hostname
		if tc.route != "" {
			hosts = []gwv1.Hostname{gwv1.Hostname(tc.route)}
		}
		got := "-"
		if all := intersect(tc.listener, hosts); len(all) == 1 {
			got = all[0]
		}
		if got != tc.want {
			t.Errorf("listener %q and route %q: %q, want %q", tc.listener, tc.route, got, tc.want)
		}
	}
}
