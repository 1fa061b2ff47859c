package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

// owner is the field manager under which dro writes.
const owner = "kubectl-dro"

// undoTime limits the way back of routes that moved when another couldn't; the caller's time may be over by then.
const undoTime = 10 * time.Second

// Mover writes routes and reads them back. Routes are given in the order in which their components move.
type Mover struct {
	Client dynamic.Interface
	Warn   func(message string) // hears of what is no reason to stop: a route that is gone, an owner not handed back
}

// Shift gives blue percent of the traffic of every route: all of them or, when one can't move, none.
// At 0 it works backwards and moves as many as it can, whatever the others say.
func (m *Mover) Shift(ctx context.Context, routes []Route, percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("shift to %d%%: a share is 0%% to 100%%", percent)
	}
	if percent == 0 {
		return m.each(routes, func(r Route) error {
			_, err := m.shift(ctx, r, 0)
			return err
		})
	}
	before := make([]map[string]any, 0, len(routes))
	for i, r := range routes {
		object, err := m.shift(ctx, r, percent)
		if err != nil {
			err = fmt.Errorf("shift %s to %d%%: %w", r.Component, percent, err)
			return errors.Join(err, m.undo(ctx, routes[:i], before))
		}
		before = append(before, object)
	}
	return nil
}

// shift writes one route and returns it as it was before.
func (m *Mover) shift(ctx context.Context, r Route, percent int) (map[string]any, error) {
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	return m.write(ctx, r, func(object map[string]any) ([]op, error) { return r.shift(original, object, percent) })
}

// undo puts routes back as they were before a shift that could not move them all.
func (m *Mover) undo(ctx context.Context, routes []Route, before []map[string]any) error {
	if len(routes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	var errs []error
	for i, r := range slices.Backward(routes) {
		_, err := m.write(ctx, r, func(object map[string]any) ([]op, error) { return r.revert(before[i], object), nil })
		if err != nil {
			errs = append(errs, fmt.Errorf("put %s back, which had moved already: %w", r.Component, err))
		}
	}
	return errors.Join(errs...)
}

// Restore puts the routes back as they were at the launch, the last component first: blue's entry gone, green's weight
// as it was. A route that no longer exists is warned about and holds nothing up. It can be run twice.
func (m *Mover) Restore(ctx context.Context, routes []Route) error {
	err := m.each(routes, func(r Route) error {
		original, err := r.object()
		if err != nil {
			return err
		}
		_, err = m.write(ctx, r, func(object map[string]any) ([]op, error) { return r.revert(original, object), nil })
		return err
	})
	if err != nil {
		return err
	}
	// Traffic is back, so what follows is courtesy: it comes after every route's write and stops nothing.
	for _, r := range routes {
		if err := m.handBack(ctx, r); err != nil && !apierrors.IsNotFound(err) {
			m.warn("hand the fields of %s back to their owners: %v", r, err)
		}
	}
	return nil
}

// handBack gives the fields that dro wrote back to the field managers that had them at the launch. It takes a write of
// its own: the API server makes whoever changes a field its owner, and only a write that changes no field leaves
// metadata.managedFields as it is sent.
func (m *Mover) handBack(ctx context.Context, r Route) error {
	original, err := r.object()
	if err != nil {
		return err
	}
	was := (&unstructured.Unstructured{Object: original}).GetManagedFields()
	_, err = m.write(ctx, r, func(object map[string]any) ([]op, error) {
		now := (&unstructured.Unstructured{Object: object}).GetManagedFields()
		owners, err := handedBack(now, was)
		if err != nil || len(owners) == 0 {
			return nil, err // an empty list would tell the API server to forget every owner
		}
		return []op{{Op: "replace", Path: "/metadata/managedFields", Value: owners}}, nil
	})
	return err
}

// Shares reads the split back from the cluster, for every route that can be read.
func (m *Mover) Shares(ctx context.Context, routes []Route) ([]Share, error) {
	var shares []Share
	var errs []error
	for _, r := range routes {
		object, err := m.get(ctx, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: read its weights: %w", r, err))
			continue
		}
		shares = append(shares, r.share(object.Object))
	}
	return shares, errors.Join(errs...)
}

// share is the split that an object holds.
func (r Route) share(object map[string]any) Share {
	s := Share{Component: r.Component, Route: r.String()}
	for _, l := range r.Row.lists(object) {
		greens, blues := r.slots(l)
		if len(greens)+len(blues) == 0 {
			continue
		}
		rule := RuleShare{Path: l.path()}
		for _, i := range greens {
			rule.Green += r.Row.weight(l.backends[i])
		}
		for _, i := range blues {
			rule.Blue += r.Row.weight(l.backends[i])
		}
		s.Rules = append(s.Rules, rule)
	}
	return s
}

// each does something to every route, the last first, whatever happens to the others. A route that is gone sends
// nothing to blue.
func (m *Mover) each(routes []Route, do func(Route) error) error {
	var errs []error
	for _, r := range slices.Backward(routes) {
		switch err := do(r); {
		case apierrors.IsNotFound(err):
			m.warn("%s is gone: someone deleted it during the rollout", r)
		case err != nil:
			errs = append(errs, fmt.Errorf("give %s back to green: %w", r.Component, err))
		}
	}
	return errors.Join(errs...)
}

// conflicts is how another writer is given way to: eight tries in about two seconds.
var conflicts = wait.Backoff{Duration: 10 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 8}

// write reads the route, works out the change and writes it. When someone else wrote between, it looks again.
// It returns the object that the change was made to.
func (m *Mover) write(ctx context.Context, r Route, change func(map[string]any) ([]op, error)) (map[string]any, error) {
	pause, tried, refused := conflicts, "", error(nil)
	for {
		object, err := m.get(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("%s: read it: %w", r, err)
		}
		version := object.GetResourceVersion()
		if version == tried { // nobody wrote between, so it was not for that
			return nil, refused
		}
		ops, err := change(object.Object)
		if err != nil {
			return nil, err
		}
		if len(ops) == 0 {
			return object.Object, nil
		}
		if err = m.patch(ctx, r, version, ops); err == nil {
			return object.Object, nil
		}
		if !contested(err) || pause.Steps == 0 {
			return nil, err
		}
		tried, refused = version, err
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", refused, ctx.Err())
		case <-time.After(pause.Step()):
		}
	}
}

// contested tells whether someone else may have written first. The API server answers a failed test of a JSON patch
// with 422, as it does for content it doesn't accept; only a fresh read tells these apart.
func contested(err error) bool { return apierrors.IsConflict(err) || apierrors.IsInvalid(err) }

func (m *Mover) patch(ctx context.Context, r Route, version string, ops []op) error {
	data, err := patch(ops, version)
	if err != nil {
		return fmt.Errorf("%s: make the patch: %w", r, err)
	}
	// Strict, as a field that the API server doesn't know would be dropped, and the shift with it.
	_, err = m.Client.Resource(r.Row.GVR()).Namespace(r.Namespace).Patch(ctx, r.Name, types.JSONPatchType, data,
		metav1.PatchOptions{FieldManager: owner, FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return fmt.Errorf("%s: write it: %w", r, err)
	}
	return nil
}

func (m *Mover) get(ctx context.Context, r Route) (*unstructured.Unstructured, error) {
	return m.Client.Resource(r.Row.GVR()).Namespace(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
}

func (m *Mover) warn(format string, args ...any) {
	if m.Warn != nil {
		m.Warn(fmt.Sprintf(format, args...))
	}
}
