package scenario

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/playground/food"
)

// people launches an mfe and its svc, which have one host, with a sticky phase: whoever opens the mfe stays on its version,
// and meets the svc of the same.
func people(t *testing.T, c *cluster) {
	const ns = "food-people"
	c.namespace(t, ns)
	oneHost := strings.NewReplacer(host(food.Frontend, ns), host(food.Service, ns),
		"- backendRefs: [{name: "+food.Service, "- matches: [{path: {type: PathPrefix, value: /pay}}]\n      backendRefs: [{name: "+food.Service)
	c.apply(t, ns, oneHost.Replace(c.manifests(ns)), "Gateway", "ConfigMap", "Deployment", "Service", "HTTPRoute")
	eventually(t, "the svc and the mfe serve", func() (bool, string) {
		mfe, svc, err := c.visit(t, ns, http.DefaultClient)
		return mfe == "1.0.0" && svc == "1.0.0", fmt.Sprintf("%q, %q: %v", mfe, svc, err)
	})
	before := c.snapshot(t, ns)
	l := c.launch(t, ns, `
id: foodsvc-v9
images: [{svc: hms-svc-food, tag: "2.1.0"}, {mfe: food-delivery, tag: "2.1.0"}]
phases: [{name: half, traffic: 50%, hold: 10m, sticky: true}, {name: full, traffic: 100%, hold: 1s}]
keep: 0s
`, "--standby", "off")
	l.until(t, "traffic.shifted")
	for begun := time.Now(); time.Since(begun) < throttle; { // until the gateway acts on both routes
		_, _, err := c.visit(t, ns, http.DefaultClient)
		must(t, "open the mfe", err)
	}
	faithful(t, func(person *http.Client) ([]string, error) {
		mfe, svc, err := c.visit(t, ns, person)
		return []string{mfe, svc}, err
	})
	c.say(t, ns, 0, "all traffic is on green", "abort", "foodsvc")
	l.end(t, 2)
	c.unchanged(t, ns, before)
}

// visit opens the mfe, which asks the svc, and returns the versions of both.
func (c *cluster) visit(t *testing.T, ns string, person *http.Client) (mfe, svc string, err error) {
	mfe, err = c.ask(t, person, food.Service, ns, "/", nil)
	if err != nil {
		return "", "", err
	}
	svc, err = c.ask(t, person, food.Service, ns, "/pay", nil)
	return mfe, svc, err
}
