package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Drift is how a route is other than dro wrote it.
type Drift struct {
	Route   string   `json:"route"`             // httproute food-svc/food
	Changes []string `json:"changes,omitempty"` // field: as dro wrote it → as it is
	By      string   `json:"by,omitempty"`      // the field manager who changed it, if known
	Lost    string   `json:"lost,omitempty"`    // why it can't be put right
	Stale   bool     `json:"stale,omitempty"`   // nobody changed it: the pods did, and it is to follow them
}

func (d Drift) String() string {
	by := ""
	if d.By != "" {
		by = " by " + d.By
	}
	if d.Lost != "" {
		return fmt.Sprintf("%s was changed%s: %s", d.Route, by, d.Lost)
	}
	return fmt.Sprintf("%s was changed%s: %s", d.Route, by, strings.Join(d.Changes, ", "))
}

// driftKey is the object that holds a route's weights.
func (r Route) driftKey(percent int) key {
	if r.Row.Form == TwinForm && percent > 0 {
		return r.twinKey()
	}
	return r.key()
}

// undoing is what would make object, which was original at the launch, again what a shift to percent left.
func (r Route) undoing(original, object map[string]any, percent int) ([]op, error) {
	switch r.Row.Form {
	case TwinForm:
		if percent == 0 {
			return nil, nil
		}
		ops := r.annotated(object)
		if r.twinWeight(object) != int64(percent) {
			ops = append(ops, op{op: "add", way: r.Row.Twin.Weight, value: r.Row.Twin.weight(int64(percent))})
		}
		return ops, nil
	case SwitchForm, ReplicasForm:
		was, _ := along(original, selectorWay)
		now, _ := along(object, selectorWay)
		if equal(was, now) == (percent < 100) {
			return nil, nil
		}
		return []op{{op: "add", way: selectorWay, value: fmt.Sprintf("that of %d%%", percent)}}, nil
	}
	if percent > 0 || !r.Choice.empty() {
		return r.layeredShift(original, object, percent)
	}
	ops, err := r.layeredRevert(original, object)
	return ops, errors.Join(err, r.without(original, object))
}

// drift is how object, which was original at the launch, is other than dro left it: with a share for blue, or as it was.
// It is nil when it is not.
func (r Route) drift(original, object map[string]any, percent int) *Drift {
	ops, err := r.undoing(original, object, percent)
	if err == nil && len(ops) == 0 {
		return nil
	}
	d := &Drift{Route: r.String(), By: r.lastWriter(object)}
	if err != nil {
		d.Lost = strings.TrimPrefix(err.Error(), r.String()+": ")
	}
	d.Changes = r.changes(original, object, percent, ops)
	return d
}

// changes say what operations would put right. What a choice adds to an object is all written anew for any change to it: of
// that, only what is not the choice's own is told.
func (r Route) changes(original, object map[string]any, percent int, ops []op) []string {
	if r.Row.Form == "" && len(r.Choices) > 0 && len(ops) > 0 {
		clean, _, err := r.bare(object)
		r.Choices, r.Choice = nil, Choice{}
		weights, failed := r.undoing(original, clean, percent)
		if err != nil || failed != nil || len(weights) == 0 {
			return []string{"its rules for chosen requests, people or copies"}
		}
		object, ops = clean, weights
	}
	var all []string
	for _, o := range ops {
		all = append(all, o.undone(object))
	}
	return all
}

// without is an error when a rule that named green at the launch no longer does.
func (r Route) without(original, object map[string]any) error {
	now, was := r.pools(r.Row.view(object)), r.pools(r.Row.view(original))
	named := map[string]bool{}
	for i, w := range pair(now, was) {
		if w != nil && len(now[i].of(green)) > 0 {
			named[w.list.pointer()] = true
		}
	}
	for _, w := range was {
		if len(w.of(green)) > 0 && !named[w.list.pointer()] {
			return fmt.Errorf("%s no longer names service %s", w.name(), r.Green)
		}
	}
	return nil
}

// undone says of what an operation would put right how it was written and how it is.
func (o op) undone(object map[string]any) string {
	if _, entry := o.value.(map[string]any); entry {
		return o.way.String() + ": blue's entry → none"
	}
	now, there := along(object, o.way)
	if !there {
		now = "absent"
	}
	return fmt.Sprintf("%s: %v → %v", o.way, o.value, now)
}

// lastWriter is the field manager, other than dro, that last wrote the part of the object that holds the backends.
func (r Route) lastWriter(object map[string]any) string {
	name, last := "", time.Time{}
	for _, e := range (&unstructured.Unstructured{Object: object}).GetManagedFields() {
		if ours(e) || e.Subresource != "" || e.Time == nil || e.Time.Before(&metav1.Time{Time: last}) {
			continue
		}
		if set, err := fieldsOf(e); err == nil && r.Row.writes(set) {
			name, last = e.Manager, e.Time.Time
		}
	}
	return name
}

// writes tells whether a set has a field of those that a rollout writes. Lists without keys are owned as a whole.
func (r Row) writes(set *fieldpath.Set) bool {
	return slices.ContainsFunc(r.pointers(), func(p string) bool { return owns(set, strings.Split(strings.TrimPrefix(p, "/"), "/")) })
}

// owns tells whether a set has the field, one that holds it, or one within it.
func owns(set *fieldpath.Set, path []string) bool {
	for _, name := range path {
		element := fieldpath.FieldNameElement(name)
		if set.Members.Has(element) {
			return true
		}
		within, ok := set.Children.Get(element)
		if !ok {
			return false
		}
		set = within
	}
	return true
}

// Drifts are the routes that are other than a shift to percent left them; at 0, than they were at the launch.
func (m *Mover) Drifts(ctx context.Context, routes []Route, percent int) ([]Drift, error) {
	var all []Drift
	var errs []error
	for _, r := range routes {
		if d, _, err := m.drift(ctx, r, percent); err != nil {
			errs = append(errs, err)
		} else if d != nil {
			all = append(all, *d)
		}
	}
	return all, errors.Join(errs...)
}

// drift also says which version of the route it looked at.
func (m *Mover) drift(ctx context.Context, r Route, percent int) (*Drift, string, error) {
	original, err := r.object()
	if err != nil {
		return nil, "", err
	}
	object, err := m.session().seen(ctx, r.driftKey(percent))
	if apierrors.IsNotFound(err) {
		return &Drift{Route: r.String(), Lost: "someone deleted it"}, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: compare it with what was written: %w", r, err)
	}
	if d := r.drift(original, object.Object, percent); d != nil || !r.mixes(percent) {
		return d, object.GetResourceVersion(), nil
	}
	return m.outOfStep(ctx, r, percent)
}

// Drifted watches until one of the routes is other than a shift to percent left it. The error is ctx's.
func (m *Mover) Drifted(ctx context.Context, routes []Route, percent int) (Drift, error) {
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	found := make(chan Drift, len(routes))
	for _, r := range routes {
		watching.Go(func() {
			if d := m.await(ctx, r, percent); d != nil {
				found <- *d
			}
		})
	}
	select {
	case d := <-found:
		return d, nil
	case <-ctx.Done():
		return Drift{}, context.Cause(ctx)
	}
}

// await watches one route until it has drifted, or ctx ends. That it can't be watched is told, and tried again.
func (m *Mover) await(ctx context.Context, r Route, percent int) *Drift {
	for told := false; ; {
		d, version, err := m.drift(ctx, r, percent)
		if d != nil {
			return d
		}
		changed := false
		if err == nil {
			changed, err = m.changed(ctx, r, version, percent)
		}
		if err != nil && !told && ctx.Err() == nil {
			told = true
			m.warn("%s: see whether others change it: %v; trying again", r, err)
		}
		if changed {
			continue // what the watch showed may be corrected already: look
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// changed watches a route from a version on. It returns true once the route has drifted or is gone, and false when the
// watch has ended and is to be begun anew.
func (m *Mover) changed(ctx context.Context, r Route, version string, percent int) (bool, error) {
	original, err := r.object()
	if err != nil {
		return false, err
	}
	k := r.driftKey(percent)
	of := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", k.name).String(), ResourceVersion: version}
	if r.mixes(percent) {
		k, of = r.sliceKey(), metav1.ListOptions{LabelSelector: r.slices(), ResourceVersion: version}
	}
	w, err := m.session().objects(k).Watch(ctx, of)
	if apierrors.IsGone(err) || apierrors.IsResourceExpired(err) {
		return false, nil // too old to go on from
	}
	if err != nil {
		return false, err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case e, open := <-w.ResultChan():
			if !open || e.Type == watch.Error {
				return false, nil
			}
			if r.mixes(percent) {
				return true, nil // what this means takes all of them
			}
			now, ok := e.Object.(*unstructured.Unstructured)
			if !ok || now.GetName() != k.name {
				continue
			}
			if e.Type == watch.Deleted || r.drift(original, now.Object, percent) != nil {
				return true, nil
			}
		}
	}
}
