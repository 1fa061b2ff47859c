package traffic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// Target is the component whose routers are looked for.
type Target struct {
	Namespace string
	Component string
	Green     string // green's Service
	Blue      string // the Service that blue will have
	Router    string // kind/name when the blueprint says which; else whatever points at green
}

// Find looks for the routers that send traffic to green: every route of one kind, or the one the blueprint names.
// A route it can't split at any share is an error here, before anything has moved.
func Find(ctx context.Context, client dynamic.Interface, rows []Row, t Target) ([]Route, error) {
	var routes []Route
	var here, missing []string
	for _, row := range rows {
		if !t.wants(row) {
			continue
		}
		list, err := client.Resource(row.GVR()).Namespace(t.Namespace).List(ctx, metav1.ListOptions{})
		switch {
		case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
			missing = append(missing, row.Kind)
			continue
		case apierrors.IsForbidden(err):
			return nil, fmt.Errorf("find the router of %s: %w\n  dro needs the verbs %s on %s.%s in namespace %s",
				t.Component, err, strings.Join(Verbs(), ", "), row.Resource, row.Group, t.Namespace)
		case err != nil:
			return nil, fmt.Errorf("find the router of %s: list %s: %w", t.Component, row.Resource, err)
		}
		here = append(here, fmt.Sprintf("%s (%d in the namespace)", row.Kind, len(list.Items)))
		for _, object := range list.Items {
			r, err := t.route(row, object)
			if err != nil {
				return nil, err
			}
			if r.pointsAt(object.Object, r.Green) && t.picks(row, object.GetName()) {
				routes = append(routes, r)
			}
		}
	}
	if len(routes) == 0 {
		return nil, t.none(rows, here, missing)
	}
	slices.SortFunc(routes, func(a, b Route) int { return cmp.Or(cmp.Compare(a.Row.Kind, b.Row.Kind), cmp.Compare(a.Name, b.Name)) })
	return routes, t.check(routes)
}

// wants reports whether the blueprint leaves the kind open or names this one.
func (t Target) wants(row Row) bool {
	kind, _, _ := strings.Cut(strings.ToLower(t.Router), "/")
	return slices.Contains([]string{"", strings.ToLower(row.Kind), row.Resource, row.Resource + "." + row.Group}, kind)
}

func (t Target) picks(row Row, name string) bool {
	_, wanted, named := strings.Cut(t.Router, "/")
	return !named || wanted == name
}

// route is an object as it is found. Its status is the router's to write and is not kept.
func (t Target) route(row Row, object unstructured.Unstructured) (Route, error) {
	r := Route{Row: row, Namespace: t.Namespace, Name: object.GetName(), Component: t.Component, Green: t.Green, Blue: t.Blue}
	kept := maps.Clone(object.Object)
	delete(kept, "status")
	data, err := json.Marshal(kept)
	if err != nil {
		return Route{}, fmt.Errorf("%s: keep the original: %w", r, err)
	}
	r.Original = data
	for _, l := range row.lists(object.Object) {
		if greens, _ := r.slots(l); len(greens) > 0 && r.Port == 0 && row.Port != "" {
			port, _ := at(l.backends[greens[0]], row.Port)
			r.Port, _ = number(port)
		}
	}
	return r, nil
}

// pointsAt reports whether some list of backends names the Service.
func (r Route) pointsAt(object map[string]any, service string) bool {
	return slices.ContainsFunc(r.Row.lists(object), func(l list) bool {
		return slices.ContainsFunc(l.backends, func(b any) bool { return r.Row.names(b, r.Namespace, service) })
	})
}

// check refuses what could not be moved, or not handed back.
func (t Target) check(routes []Route) error {
	var errs []error
	for _, r := range routes {
		if r.Row.Kind != routes[0].Row.Kind {
			return fmt.Errorf("find the router of %s: both %s and %s point at service %s\n"+
				"  say in the blueprint which one splits its traffic: router: %s/%s",
				t.Component, routes[0], r, t.Green, strings.ToLower(r.Row.Kind), r.Name)
		}
		object, err := r.object()
		if err != nil {
			return err
		}
		if r.pointsAt(object, r.Blue) {
			errs = append(errs, fmt.Errorf("%s: names service %s already\n"+
				"  another rollout is under way or was cut off: finish or abort it, or take the service out of the route", r, t.Blue))
			continue
		}
		if _, err := r.shift(object, object, 100); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// none says what was looked for in vain.
func (t Target) none(rows []Row, here, missing []string) error {
	wanted := fmt.Sprintf("nothing in namespace %s sends traffic to service %s", t.Namespace, t.Green)
	if t.Router != "" {
		wanted = fmt.Sprintf("%s in namespace %s is not there or does not send traffic to service %s", t.Router, t.Namespace, t.Green)
	}
	if len(here)+len(missing) == 0 {
		var known []string
		for _, row := range rows {
			known = append(known, strings.ToLower(row.Kind))
		}
		return fmt.Errorf("find the router of %s: router %q is of no kind dro knows\n  known kinds: %s",
			t.Component, t.Router, strings.Join(known, ", "))
	}
	looked := "looked for: " + cmp.Or(strings.Join(here, ", "), "none, as no router's kind is installed")
	if len(missing) > 0 {
		looked += "; not installed here: " + strings.Join(missing, ", ")
	}
	return fmt.Errorf("find the router of %s: %s\n  %s\n"+
		"  let a route name the service, or say which one does in the blueprint: router: kind/name", t.Component, wanted, looked)
}
