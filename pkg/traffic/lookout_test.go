package traffic

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	clienttesting "k8s.io/client-go/testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// A route in another namespace is found where the cluster may be read, and not looked for where it may not.
func TestFindElsewhere(t *testing.T) {
	a := newAPI(t, strings.Replace(httproute("shop", rules(refs(ref("svc", `,"namespace":"app"`), ref("svc", "")))), `"namespace":"ns"`, `"namespace":"gateways"`, 1))
	target := Target{Namespace: "app", Component: "svc", Green: "svc", Blue: "svc-blue"}
	routes, err := Find(t.Context(), a, Rows(), target)
	if err != nil || len(routes) != 1 || routes[0].String() != "httproute gateways/shop" || routes[0].Slots != "app" {
		t.Fatalf("found %v, %v", routes, err)
	}
	ops, err := routes[0].shift(parse(t, string(routes[0].Original)), parse(t, string(routes[0].Original)), 50)
	if err == nil || len(ops) > 0 { // the route's own svc is another backend, and weight 1 is not to be halved
		t.Errorf("%v, %v", ops, err)
	}
	a.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetNamespace() == "" {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("not there"))
		}
		return false, nil, nil
	})
	if _, err := Find(t.Context(), a, Rows(), target); err == nil || !strings.Contains(err.Error(), "nothing in namespace app sends traffic to service svc") {
		t.Errorf("error %v", err)
	}
}

// Whose an Ingress is, its class tells.
func TestIngressClass(t *testing.T) {
	class := schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}
	var row Row
	for _, r := range Rows() {
		if r.Name == "ingress-nginx" {
			row = r
		}
	}
	for name, tc := range map[string]struct {
		class, controller string
		found             bool
	}{
		"by name":                 {"nginx", "", true},
		"by controller":           {"public", "k8s.io/ingress-nginx", true},
		"another controller":      {"nginx", "nginx.org/ingress-controller", false},
		"another class":           {"traefik", "", false},
		"a class nobody heard of": {"", "", false},
	} {
		a := newAPI(t)
		object := example(t, row)
		put(object, steps{"spec", "ingressClassName"}, tc.class)
		a.store(t, row.GVR(), object)
		if tc.controller != "" {
			a.store(t, class, parse(t, `{"apiVersion":"networking.k8s.io/v1","kind":"IngressClass","metadata":{"name":"`+tc.class+`"},"spec":{"controller":"`+tc.controller+`"}}`))
		}
		routes, err := Find(t.Context(), a, []Row{row}, Target{Namespace: "food-svc", Component: "food", Green: "food", Blue: "food-blue"})
		if (len(routes) == 1) != tc.found || (err == nil) != tc.found {
			t.Errorf("%s: %v, %v", name, routes, err)
		}
	}
}

type kinds struct {
	lists []*metav1.APIResourceList
	err   error
}

func (k kinds) ServerGroupsAndResourcesWithContext(context.Context) ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	return nil, k.lists, k.err
}

func TestInstalled(t *testing.T) {
	list := func(version string, resources ...string) *metav1.APIResourceList {
		l := &metav1.APIResourceList{GroupVersion: version}
		for _, r := range resources {
			l.APIResources = append(l.APIResources, metav1.APIResource{Name: r})
		}
		return l
	}
	broken := func(group string) error {
		return &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{{Group: group, Version: "v1"}: errors.New("down")}}
	}
	served := []*metav1.APIResourceList{list("v1", "services"), list("gateway.networking.k8s.io/v1", "httproutes"), list("networking.istio.io/v1beta1", "virtualservices")}
	names := func(rows []Row) string {
		var all []string
		for _, r := range rows {
			all = append(all, r.Name+" "+r.Version)
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	rows, err := Installed(t.Context(), kinds{lists: served}, Rows())
	if got := names(rows); err != nil || got != "gateway-api v1, istio v1beta1, replicas v1, service v1" {
		t.Errorf("%s, %v", got, err)
	}
	if rows, err = Installed(t.Context(), kinds{served, broken("metrics.k8s.io")}, Rows()); err != nil || len(rows) != 4 {
		t.Errorf("someone else's broken API: %v, %v", rows, err)
	}
	if _, err = Installed(t.Context(), kinds{served, broken("traefik.io")}, Rows()); err == nil || !strings.Contains(err.Error(), "traefikservices.traefik.io: down") {
		t.Errorf("a router's broken API: %v", err)
	}
	if _, err = Installed(t.Context(), kinds{err: errors.New("no route")}, Rows()); err == nil {
		t.Error("no answer was taken for an empty cluster")
	}
}

func TestCustom(t *testing.T) {
	good := blueprint.Router{APIVersion: "gateway.networking.k8s.io/v1", Kind: "OtherRoute", Backends: "spec.rules[*].to", Service: "svc.name", Weight: "share", Port: "svc.port", Absent: 1}
	const object = `{"spec":{"rules":[{"to":[{"svc":{"name":"food","port":80}}]}]}}`
	for name, tc := range map[string]struct {
		change func(*blueprint.Router)
		says   string
	}{
		"fits":            {func(*blueprint.Router) {}, ""},
		"no such list":    {func(r *blueprint.Router) { r.Backends = "spec.ruels[*].to" }, "backends: spec.ruels[*].to leads to no list: spec has no ruels, but rules"},
		"not a list":      {func(r *blueprint.Router) { r.Backends = "spec.rules" }, "service: a backend has no text at svc.name: it has no svc, but to"},
		"no such service": {func(r *blueprint.Router) { r.Service = "svc.nam" }, "service: a backend has no text at svc.nam: svc has no nam, but name, port"},
		"no number":       {func(r *blueprint.Router) { r.Weight = "svc.name" }, "weight: svc.name is food in a backend, which is no whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			b := good
			tc.change(&b)
			row := Custom(&b)
			a := newAPI(t)
			o := parse(t, object)
			o["apiVersion"], o["kind"] = "gateway.networking.k8s.io/v1", "OtherRoute"
			put(o, steps{"metadata"}, map[string]any{"name": "food", "namespace": "ns", "resourceVersion": "1"})
			a.store(t, row.GVR(), o)
			routes, err := Find(t.Context(), a, append(Rows(), row), Target{Namespace: "ns", Component: "food", Green: "food", Blue: "food-blue", Router: row.Name})
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "otherroute ns/food") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || routes[0].Port != 80 {
				t.Fatalf("%v, %v", routes, err)
			}
			m := &Mover{Client: a}
			if err := m.Shift(t.Context(), routes, 10); err != nil || a.shares(t, routes) != "food 10 true" {
				t.Errorf("%v", err)
			}
			if err := m.Restore(t.Context(), routes); err != nil || text(t, a.load(t, routes[0].key())["spec"]) != text(t, o["spec"]) {
				t.Errorf("%v", err)
			}
		})
	}
}
