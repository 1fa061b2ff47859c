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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// Target is a component whose routers are looked for.
type Target struct {
	Namespace string
	Component string
	Green     string // green's Service
	Blue      string // the Service that blue will have
	Router    string // a kind, kind/name or row when the blueprint says which; else whatever points at green
}

// Find looks for the routers that send traffic to the targets' green, in the whole cluster where that may be read, else
// in the namespace: for each target every route of one row, or the one the blueprint names. Each kind is listed once.
// A route it can't split at any share is an error here, before anything has moved.
func Find(ctx context.Context, client dynamic.Interface, rows []Row, targets ...Target) ([]Route, error) {
	look := newLookout(client)
	var all []Route
	for _, t := range targets {
		routes, err := t.find(ctx, look, rows)
		if err != nil {
			return nil, err
		}
		all = append(all, routes...)
	}
	return all, nil
}

func (t Target) find(ctx context.Context, look *lookout, rows []Row) ([]Route, error) {
	var routes []Route
	var listed []listing
	for _, row := range t.wanted(rows) {
		l, err := look.list(ctx, row, t)
		if err != nil {
			return nil, err
		}
		listed = append(listed, l)
		for _, object := range l.objects {
			r, err := t.route(row, object)
			if err != nil {
				return nil, err
			}
			if err := t.fits(row, object); err != nil {
				return nil, err
			}
			ours, err := look.ours(ctx, row, object)
			if err != nil {
				return nil, err
			}
			if ours && r.leads(object.Object) && t.picks(object.GetName()) {
				routes = append(routes, r)
			}
		}
	}
	if len(routes) == 0 {
		return nil, t.none(rows, listed)
	}
	slices.SortStableFunc(routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Row.Kind, b.Row.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for i, r := range routes {
		if r.Row.Form == ReplicasForm {
			pods, err := r.pods(ctx, look.client)
			if err != nil {
				return nil, err
			}
			routes[i].Pods = pods.green
		}
	}
	return routes, t.check(ctx, look, routes)
}

// wanted are the rows that may be the target's: those that are found by themselves, or those that the blueprint names.
func (t Target) wanted(rows []Row) []Row {
	kind, _, _ := strings.Cut(strings.ToLower(t.Router), "/")
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == kind }); i >= 0 {
		return rows[i : i+1]
	}
	var some []Row
	for _, r := range rows {
		if kind == "" && !r.Form.Asked() || kind == strings.ToLower(r.Kind) || kind == r.Resource || kind == r.Resource+"."+r.Group {
			some = append(some, r)
		}
	}
	return some
}

func (t Target) picks(name string) bool {
	_, wanted, named := strings.Cut(t.Router, "/")
	return !named || wanted == name
}

// fits holds a row that a user brought against an object that it is meant for.
func (t Target) fits(row Row, object unstructured.Unstructured) error {
	if !row.Custom || object.GetNamespace() != t.Namespace || !t.picks(object.GetName()) {
		return nil
	}
	if err := row.fits(object.Object); err != nil {
		return fmt.Errorf("the router that the blueprint or dro-config describes does not fit %s %s/%s: %w",
			strings.ToLower(row.Kind), object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// route is an object as it is found. Its status is the router's to write and is not kept.
func (t Target) route(row Row, object unstructured.Unstructured) (Route, error) {
	r := Route{Row: row, Namespace: object.GetNamespace(), Name: object.GetName(), Component: t.Component, Green: t.Green, Blue: t.Blue}
	if r.Namespace != t.Namespace {
		r.Slots = t.Namespace
	}
	kept := maps.Clone(object.Object)
	delete(kept, "status")
	data, err := json.Marshal(kept)
	if err != nil {
		return Route{}, fmt.Errorf("%s: keep the original: %w", r, err)
	}
	r.Original = data
	r.Port = r.port(row.view(object.Object))
	return r, nil
}

// port is the one by which the route knows green; 0 when it has a name or none.
func (r Route) port(view map[string]any) int64 {
	if via := r.Row.Via; via != nil && via.Port != "" {
		for _, known := range r.edit(view, view).known(view) {
			if r.aliased(known) == green {
				port, _ := at(known, via.Port)
				n, _ := number(port)
				return n
			}
		}
	}
	if r.Row.Port == "" {
		return 0
	}
	for _, p := range r.pools(view) {
		for _, i := range p.of(green) {
			port, _ := at(p.entries[i].value, r.Row.Port)
			if n, ok := number(port); ok && n != 0 {
				return n
			}
		}
	}
	return 0
}

// check refuses what could not be moved, or not handed back.
func (t Target) check(ctx context.Context, look *lookout, routes []Route) error {
	var errs []error
	for _, r := range routes {
		if r.Row.Name != routes[0].Row.Name {
			return fmt.Errorf("find the router of %s: both %s and %s point at service %s\n"+
				"  say in the blueprint which one splits its traffic: router: %s/%s",
				t.Component, routes[0], r, t.Green, r.Row.call(), r.Name)
		}
		object, err := r.object()
		if err != nil {
			return err
		}
		if r.pointsAt(object, blue) {
			errs = append(errs, fmt.Errorf("%s: names service %s already\n"+
				"  another rollout is under way or was cut off: finish or abort it, or take the service out of the route", r, t.Blue))
			continue
		}
		errs = append(errs, r.adds(object), r.ruled(object), look.free(ctx, r))
		if _, err := Describe(r, 100); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, t.paused(routes))...)
}

// ruled refuses an object that a controller makes of another: it would write the weights back.
func (r Route) ruled(object map[string]any) error {
	by := metav1.GetControllerOf(&unstructured.Unstructured{Object: object})
	if by == nil || r.Row.Form == TwinForm { // green's own object is not written
		return nil
	}
	return fmt.Errorf("%s: metadata.ownerReferences: %s %s (%s) makes it, and would write the weights back\n"+
		"  let go of it there, or name another router in the blueprint: router: kind/name", r, strings.ToLower(by.Kind), by.Name, by.APIVersion)
}

// paused refuses routes that give green nothing: blue would get a share of that.
func (t Target) paused(routes []Route) error {
	var where []string
	for _, r := range routes {
		object, err := r.object()
		if err != nil || r.Row.Form != "" {
			return err
		}
		for _, rule := range r.share(object).Rules {
			if rule.Green > 0 {
				return nil
			}
			where = append(where, fmt.Sprintf("%s: %s", r, rule.Path))
		}
	}
	return fmt.Errorf("%s gets no traffic: its weight is 0 in %s\n  give service %s a weight there first", t.Component, strings.Join(where, ", "), t.Green)
}

// call is how a blueprint names the row: by its kind, unless another row has the same.
func (r Row) call() string {
	for _, other := range Rows() {
		if other.Kind == r.Kind && other.Name != r.Name {
			return r.Name
		}
	}
	return strings.ToLower(r.Kind)
}

// adds refuses weights that don't add up to what the router wants.
func (r Route) adds(object map[string]any) error {
	if r.Row.Total == 0 {
		return nil
	}
	for _, p := range r.pools(r.Row.view(object)) {
		if p.single || len(p.of(green)) == 0 {
			continue
		}
		var sum int64
		for _, e := range p.entries {
			sum += e.share
		}
		if sum != r.Row.Total {
			return fmt.Errorf("%s: the weights of %s add up to %d, and %s wants %d\n  correct them before the launch",
				r, p.list, sum, r.Row.Title, r.Row.Total)
		}
	}
	return nil
}

// none says what was looked for in vain.
func (t Target) none(rows []Row, listed []listing) error {
	if len(listed) == 0 {
		var known []string
		for _, row := range rows {
			known = append(known, row.call())
		}
		return fmt.Errorf("find the router of %s: router %q is of no kind dro knows\n  known kinds: %s",
			t.Component, t.Router, strings.Join(known, ", "))
	}
	where := "in namespace " + t.Namespace
	var here, missing []string
	for _, l := range listed {
		if l.everywhere {
			where = "in the cluster"
		}
		name := l.row.Kind + "." + l.row.Group
		if l.missing && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		if count := fmt.Sprintf("%s (%d)", name, len(l.objects)); !l.missing && !slices.Contains(here, count) {
			here = append(here, count)
		}
	}
	wanted := fmt.Sprintf("nothing %s sends traffic to service %s", where, t.Green)
	if t.Router != "" {
		wanted = fmt.Sprintf("%s %s is not there or does not send traffic to service %s", t.Router, where, t.Green)
	}
	looked := "looked for: " + cmp.Or(strings.Join(here, ", "), "none, as no router's kind is installed")
	if len(missing) > 0 {
		looked += "; not installed here: " + strings.Join(missing, ", ")
	}
	return fmt.Errorf("find the router of %s: %s\n  %s\n"+
		"  let a route name the service, or say which one does in the blueprint: router: kind/name", t.Component, wanted, looked)
}
