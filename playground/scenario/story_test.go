package scenario

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"dro.dev/kubectl-dro/playground/food"
)

var httpRoutes = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}

// story is the quick start: 2.0.0 goes back at 50 % by itself, 2.1.0 goes all the way.
func story(t *testing.T, c *cluster) {
	const ns = "food-svc"
	c.green(t, ns)
	t.Run("defective", func(t *testing.T) { c.defective(t, ns) })
	t.Run("healthy", func(t *testing.T) {
		c.healthy(t, ns)
		for component, image := range c.images(t, ns) {
			if !strings.HasSuffix(image, ":2.1.0") {
				t.Errorf("deployment %s runs %s, want 2.1.0", component, image)
			}
		}
	})
}

// defective launches 2.0.0 and checks that it went back at 50 % because of its errors, and left no trace.
func (c *cluster) defective(t *testing.T, ns string) {
	before := c.snapshot(t, ns)
	requests := c.load(t, ns, 50, food.Service, food.Frontend)

	text := blueprint(t, "foodsvc_v2.yaml", ns)
	c.planned(t, ns, text, "hms-svc-food:2.0.0", "food-delivery:2.0.0", "smoke", "error_rate", "pay_success", "50%")
	c.unchanged(t, ns, before)
	l := c.launch(t, ns, text)
	l.end(t, 2)
	l.wentBack(t, 50, "error_rate", "0.5%")
	if kind := l.last("step.failed").Step.Phase; kind != "ramp-up" {
		t.Errorf("it failed in phase %q, want ramp-up", kind)
	}

	if by := served(t, requests, "2.0.0"); by["2.0.0"] == 0 {
		t.Error("no request was answered by 2.0.0")
	}
	c.unchanged(t, ns, before)
	c.serves(t, ns, "1.0.0", food.Service, food.Frontend)
}

// healthy launches 2.1.0 and checks that green became 2.1.0 without a failed request, and nothing else is new but
// what is named in but.
func (c *cluster) healthy(t *testing.T, ns string, but ...string) {
	before, routes := c.snapshot(t, ns), c.routes(t, ns)
	requests := c.load(t, ns, 50, food.Service, food.Frontend)

	text := blueprint(t, "foodsvc_v2.1.yaml", ns)
	c.planned(t, ns, text)
	l := c.launch(t, ns, text, "--wait")
	l.end(t, 0)
	if l.count("deployment.completed") != 1 || l.share() != 100 {
		t.Errorf("blue came to %d%% and %d completions were told:\n%s", l.share(), l.count("deployment.completed"), l.told())
	}

	if by := served(t, requests, ""); by["2.1.0"] == 0 {
		t.Error("no request was answered by 2.1.0")
	}
	replaced := []string{"deployments.apps/*", "replicasets.apps/*", "pods/*", "endpointslices.discovery.k8s.io/*"}
	c.unchanged(t, ns, before, append(replaced, but...)...)
	if got, want := names(c.images(t, ns)), food.Frontend+" "+food.Service; got != want {
		t.Errorf("deployments are %s, want %s", got, want)
	}
	if now := c.routes(t, ns); !maps.Equal(routes, now) {
		t.Errorf("the routes' specs are not what they were:\n%v\n%v", routes, now)
	}
	c.serves(t, ns, "2.1.0", food.Service, food.Frontend)
}

// wentBack checks that the launch told once that it is back on green, from that share, for a cause with these words.
func (l *launch) wentBack(t *testing.T, share int, words ...string) {
	t.Helper()
	if n := l.count("deployment.rolled_back"); n != 1 {
		t.Fatalf("a rollback was told %d times:\n%s", n, l.told())
	}
	if got := l.share(); got != share {
		t.Errorf("blue had at most %d%%, want %d%%:\n%s", got, share, l.told())
	}
	says(t, l.last("deployment.rolled_back").Error, words...)
}

// says checks that a message has all of these words.
func says(t *testing.T, message string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(strings.ToLower(message), strings.ToLower(w)) {
			t.Errorf("the message lacks %q: %s", w, message)
		}
	}
	for _, w := range []string{"%!", "goroutine ", "0xc0"} {
		if strings.Contains(message, w) {
			t.Errorf("the message is not for people: %s", message)
		}
	}
}

// routes are the specs of the HTTPRoutes in a namespace, by name.
func (c *cluster) routes(t *testing.T, ns string) map[string]string {
	t.Helper()
	list, err := c.dynamic.Resource(httpRoutes).Namespace(ns).List(t.Context(), metav1.ListOptions{})
	must(t, "list httproutes", err)
	out := map[string]string{}
	for _, r := range list.Items {
		spec, err := json.Marshal(r.Object["spec"])
		must(t, "read an httproute", err)
		out[r.GetName()] = string(spec)
	}
	return out
}
