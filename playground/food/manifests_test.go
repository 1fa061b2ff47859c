package food

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

func TestRender(t *testing.T) {
	seen := map[string]int{}
	for _, doc := range strings.Split(string(Render("traefik", 8000)), "\n---\n") {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		seen[kind.Kind]++
		switch kind.Kind {
		case "Namespace":
			strict(t, doc, &corev1.Namespace{})
		case "ConfigMap":
			strict(t, doc, &corev1.ConfigMap{})
		case "Service":
			strict(t, doc, &corev1.Service{})
		case "Deployment":
			d := strict(t, doc, &appsv1.Deployment{})
			component, tag, _ := strings.Cut(strings.TrimPrefix(d.Spec.Template.Spec.Containers[0].Image, "localhost/"), ":")
			if component != d.Name || !Known(component, tag) {
				t.Errorf("deployment %s runs %s:%s", d.Name, component, tag)
			}
		case "HTTPRoute":
			strict(t, doc, &gwv1.HTTPRoute{})
		case "Gateway":
			g := strict(t, doc, &gwv1.Gateway{})
			if g.Spec.GatewayClassName != "traefik" || g.Spec.Listeners[0].Port != 8000 {
				t.Errorf("gateway %+v", g.Spec)
			}
		default:
			t.Errorf("unexpected kind %q", kind.Kind)
		}
	}
	for kind, n := range map[string]int{"Namespace": 1, "ConfigMap": 2, "Service": 2, "Deployment": 2, "HTTPRoute": 2, "Gateway": 1} {
		if seen[kind] != n {
			t.Errorf("%d of %s, want %d", seen[kind], kind, n)
		}
	}
}

// strict reads a document and refuses what the type does not have.
func strict[T any](t *testing.T, doc string, into *T) *T {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
		t.Errorf("%v in\n%s", err, doc)
	}
	return into
}
