package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/traffic"
	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/load"
)

// routed are the routes through which real traffic is measured, by the name of their row. SLOT is green's Service.
var routed = map[string]string{
	"gateway-api": "", // the food service's own
	"traefikservice": `
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: shop}
spec: {weighted: {services: [{name: SLOT, port: 80, weight: 1}]}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: shop}
spec: {routes: [{kind: Rule, match: "Host(` + "`HOST`" + `)", services: [{kind: TraefikService, name: shop}]}]}`,
	"ingressroute": `
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: shop}
spec: {routes: [{kind: Rule, match: "Host(` + "`HOST`" + `)", services: [{name: SLOT, port: 80}]}]}`,
	"ingress-nginx": `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: nginx
  rules: [{host: HOST, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: SLOT, port: {number: 80}}}}]}}]`,
}

const (
	greenSlot = food.Frontend
	blueSlot  = food.Frontend + "-blue"

	greenTag, blueTag = "1.0.0", "2.1.0"

	sample   = 2000 // requests by which a share is measured
	settling = 500  // at least, that may still meet the route as it was
	shifts   = 100
)

// realTraffic measures, router by router, that blue gets the share that its weight says, and that shifting fails no
// request. ROUTERS names the rows whose objects the data plane serves, separated by commas; default: gateway-api.
func realTraffic(t *testing.T, c *cluster) {
	for name := range strings.SplitSeq(cmp.Or(os.Getenv("ROUTERS"), "gateway-api"), ",") {
		t.Run(name, func(t *testing.T) {
			ns := "food-" + name
			m, routes := c.bothSlots(t, ns, name)
			for _, percent := range []int{1, 10, 50, 100} {
				c.moved(t, m, routes, percent)
				c.measured(t, ns, percent)
			}
			c.chosen(t, ns, m, routes)
			c.stayed(t, ns, m, routes)
			c.shiftedOften(t, ns, m, routes)
			c.restored(t, m, routes)
			c.measured(t, ns, 0)
		})
	}
}

// bothSlots installs green with a route of the kind, and blue beside it.
func (c *cluster) bothSlots(t *testing.T, ns, router string) (*traffic.Mover, []traffic.Route) {
	t.Helper()
	route, known := routed[router]
	if !known {
		t.Fatalf("ROUTERS: there is no route for %q: there are %v", router, slices.Sorted(maps.Keys(routed)))
	}
	c.namespace(t, ns)
	var own []string
	for doc := range strings.SplitSeq(c.manifests(ns), "\n---\n") {
		if strings.Contains(doc, "name: "+greenSlot) || strings.Contains(doc, "kind: Gateway\n") {
			own = append(own, doc)
		}
	}
	text := strings.Join(own, "\n---\n")
	if route == "" {
		c.apply(t, ns, text, "Gateway", "HTTPRoute")
	} else {
		c.apply(t, ns, strings.NewReplacer("SLOT", greenSlot, "HOST", host(greenSlot, ns)).Replace(strings.TrimSpace(route)))
	}
	c.apply(t, ns, text, "Deployment", "Service")
	text = strings.ReplaceAll(text, greenSlot, blueSlot)
	text = strings.ReplaceAll(text, "localhost/"+blueSlot+":"+greenTag, "localhost/"+greenSlot+":"+blueTag)
	c.apply(t, ns, text, "Deployment", "Service")
	c.serves(t, ns, greenTag, greenSlot)
	eventually(t, "blue is reachable", func() (bool, string) { return c.reachable(t, ns, blueSlot) })

	m := &traffic.Mover{Client: c.dynamic, Warn: func(said string) { t.Error(said) }}
	routes, err := traffic.Find(t.Context(), c.dynamic, traffic.Rows(), traffic.Target{Namespace: ns, Component: greenSlot, Green: greenSlot, Blue: blueSlot})
	must(t, "find the route", err)
	if len(routes) != 1 || routes[0].Row.Name != router {
		t.Fatalf("found %v, want one of row %s", routes, router)
	}
	return m, routes
}

// moved shifts and waits until the router has taken it.
func (c *cluster) moved(t *testing.T, m *traffic.Mover, routes []traffic.Route, percent int) {
	t.Helper()
	must(t, fmt.Sprintf("shift to %d%%", percent), m.Shift(t.Context(), routes, percent))
	must(t, "see the shift taken", m.Observed(t.Context(), routes))
	c.settled(t, routes[0].Namespace)
}

// restored gives everything back to green and waits until the router has taken it.
func (c *cluster) restored(t *testing.T, m *traffic.Mover, routes []traffic.Route) {
	t.Helper()
	must(t, "restore", m.Restore(t.Context(), routes))
	must(t, "see the restored route taken", m.Observed(t.Context(), routes))
	c.settled(t, routes[0].Namespace)
}

// throttle is how long a gateway may keep back a change that comes soon after another: Traefik does so for two seconds.
const throttle = 2500 * time.Millisecond

// settled lets a few requests go by: a gateway says that it has accepted a change a moment before it acts on it.
func (c *cluster) settled(t *testing.T, ns string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < throttle; {
		if by, failed := c.sample(t, ns, settling); len(failed) > 0 {
			t.Fatalf("answers by version %v, failed %v", by, failed)
		}
	}
}

// measured checks that blue answers its share of a sample, within three standard errors. One sample of a few hundred is
// farther off by chance; a larger one tells.
func (c *cluster) measured(t *testing.T, ns string, percent int) {
	t.Helper()
	if !c.within(t, ns, percent, sample) && !c.within(t, ns, percent, 4*sample) {
		t.Errorf("weight %d%% is not blue's share of the answers", percent)
	}
}

func (c *cluster) within(t *testing.T, ns string, percent, n int) bool {
	t.Helper()
	p := float64(percent) / 100
	by, failed := c.sample(t, ns, n)
	if len(failed) > 0 {
		t.Errorf("weight %d%%: answers by version %v, failed %v", percent, by, failed)
	}
	got, allowed := float64(by[blueTag])/float64(n), 3*math.Sqrt(p*(1-p)/float64(n))
	t.Logf("weight %d%%: blue answered %d of %d (%.2f%%, allowed ±%.2f%%)", percent, by[blueTag], n, 100*got, 100*allowed)
	return math.Abs(got-p) <= allowed
}

// sample sends requests to loopback, four at a time, and counts the answers by version.
func (c *cluster) sample(t *testing.T, ns string, n int) (by, failed map[string]int) {
	t.Helper()
	by, failed = map[string]int{}, map[string]int{}
	var lock sync.Mutex
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for range n / 4 {
				version, err := c.version(t, greenSlot, ns)
				lock.Lock()
				if err != nil {
					failed[err.Error()]++
				} else {
					by[version]++
				}
				lock.Unlock()
			}
		})
	}
	senders.Wait()
	return by, failed
}

// shiftedOften shifts to and fro under load, faster than any rollout would, and checks that no request failed.
func (c *cluster) shiftedOften(t *testing.T, ns string, m *traffic.Mover, routes []traffic.Route) {
	t.Helper()
	requests, err := load.Start(t.Context(), []load.Target{{URL: c.gateway, Host: host(greenSlot, ns), Path: "/", Rate: 100}})
	must(t, "start the load", err)
	t.Cleanup(requests.Stop)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range shifts {
		<-tick.C
		percent := []int{1, 50, 100, 10, 0}[i%5]
		must(t, fmt.Sprintf("shift to %d%%", percent), m.Shift(t.Context(), routes, percent))
	}
	must(t, "see the last shift taken", m.Observed(t.Context(), routes))
	if by := served(t, requests, ""); by[greenTag] == 0 || by[blueTag] == 0 {
		t.Errorf("over %d shifts the answers by version are %v", shifts, by)
	}
}
