package scenario

import (
	"net/http"
	"net/http/cookiejar"
	"slices"
	"testing"

	api "dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// chosen checks that requests with a header meet blue, and no others, where the router can tell them apart.
func (c *cluster) chosen(t *testing.T, ns string, m *traffic.Mover, routes []traffic.Route) {
	t.Helper()
	if !routes[0].Row.Can.Match {
		return
	}
	with := choosing(t, routes, traffic.Choice{Match: &api.Match{Headers: map[string]string{"X-Tester": "yes"}}})
	c.moved(t, m, with, 0)
	for version, headers := range map[string]http.Header{greenTag: nil, blueTag: {"X-Tester": {"yes"}}} {
		for range 200 {
			if got, err := c.ask(t, http.DefaultClient, greenSlot, ns, "/", headers); err != nil || got != version {
				t.Fatalf("with headers %v it answers as %q: %v", headers, got, err)
			}
		}
	}
	c.restored(t, m, with)
}

// stayed checks that people with cookies stay on the slot that they met first.
func (c *cluster) stayed(t *testing.T, ns string, m *traffic.Mover, routes []traffic.Route) {
	t.Helper()
	if !slices.Contains([]string{"gateway-api", "traefikservice"}, routes[0].Row.Name) {
		return
	}
	with := choosing(t, routes, traffic.Choice{Sticky: true})
	c.moved(t, m, with, 50)
	faithful(t, func(person *http.Client) ([]string, error) {
		got, err := c.ask(t, person, greenSlot, ns, "/", nil)
		return []string{got}, err
	})
	c.restored(t, m, with)
}

// faithful lets people with cookies come back again and again: all that they meet is of the version that they met first, and
// not all met the same.
func faithful(t *testing.T, visit func(person *http.Client) (versions []string, err error)) {
	t.Helper()
	people := map[string]int{}
	for range 40 {
		jar, err := cookiejar.New(nil)
		must(t, "make a cookie jar", err)
		first := ""
		for range 10 {
			met, err := visit(&http.Client{Jar: jar})
			if must(t, "visit", err); first == "" {
				first = met[0]
			}
			if slices.ContainsFunc(met, func(version string) bool { return version != first }) {
				t.Fatalf("somebody met %s, and then %v", first, met)
			}
		}
		people[first]++
	}
	if t.Logf("people by version: %v", people); people[greenTag] == 0 || people[blueTag] == 0 {
		t.Error("everybody met the same version")
	}
}

// choosing is the routes of a phase with a choice.
func choosing(t *testing.T, routes []traffic.Route, choice traffic.Choice) []traffic.Route {
	t.Helper()
	with, err := traffic.Choose(routes, traffic.Rows(), []traffic.Choice{choice})
	must(t, "choose", err)
	for i := range with {
		with[i].Session, with[i].Choice = routes[i].Namespace, choice
	}
	return with
}
