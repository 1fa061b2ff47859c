package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Observed watches until the routers say that they took the last write; those that don't say so are given a time that
// their row knows. A router that refuses the write is an error at once, one that stays silent when ctx ends.
func (m *Mover) Observed(ctx context.Context, routes []Route) error {
	results := make([]error, len(routes))
	sideBySide(routes, func(i int, r Route) { results[i] = m.observed(ctx, r) })
	var errs []error
	for i, err := range results {
		if apierrors.IsNotFound(err) {
			m.warn("%s is gone: there is nothing left that could observe it", routes[i])
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (m *Mover) observed(ctx context.Context, r Route) error {
	if r.Row.Observed.silent() {
		return m.settled(ctx, r)
	}
	return m.reported(ctx, r)
}

// settled gives a router that does not say when it took a change the time that it needs, and then asks how it likes it.
func (m *Mover) settled(ctx context.Context, r Route) error {
	o := r.Row.Observed
	timer := time.NewTimer(time.Duration(o.Seconds) * time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: give its router %d s to take the change: %w", r, o.Seconds, ctx.Err())
	case <-timer.C:
	}
	if o.State == "" {
		return nil
	}
	object, err := m.Client.Resource(r.Row.GVR()).Namespace(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("%s: see whether its router took the change: %w", r, err)
	}
	state, _ := at(object.Object, o.State)
	if word, ok := state.(string); ok && slices.Contains(o.Bad, word) {
		why, _ := at(object.Object, o.Message)
		return fmt.Errorf("%s: its router refuses it: %s is %s: %v\n  correct the route or what it names, then launch again", r, o.State, word, why)
	}
	return nil
}

func (m *Mover) reported(ctx context.Context, r Route) error {
	objects := m.Client.Resource(r.Row.GVR()).Namespace(r.Namespace)
	pending := "it has not been read"
	for {
		object, err := objects.Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("%s: see whether its router took the change: %w", r, err)
		}
		if pending, err = r.pending(object.Object); err != nil || pending == "" {
			return err
		}
		watcher := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = fields.OneTermEqualSelector("metadata.name", r.Name).String()
			return objects.Watch(ctx, o)
		}}
		_, err = watchtools.Until(ctx, object.GetResourceVersion(), watcher, func(e watch.Event) (bool, error) {
			next, ok := e.Object.(*unstructured.Unstructured)
			switch {
			case e.Type == watch.Error:
				return false, apierrors.FromObject(e.Object)
			case !ok || next.GetName() != r.Name:
				return false, nil
			case e.Type == watch.Deleted:
				return false, apierrors.NewNotFound(r.Row.GVR().GroupResource(), r.Name)
			}
			var err error
			pending, err = r.pending(next.Object)
			return pending == "", err
		})
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%s: its router has not taken the change: %s\n  is the router's controller running? (%w)", r, pending, ctx.Err())
		case apierrors.IsGone(err) || apierrors.IsResourceExpired(err) || errors.Is(err, watchtools.ErrWatchClosed):
			continue // what the watch was to go on from is too old: read again
		default:
			return err
		}
	}
}

// silent tells whether the router reports nothing by which a change could be known to be taken.
func (o Observed) silent() bool { return o.Wanted == "" && o.Generation == "" && o.Conditions == "" }

// Says is how the router's having taken a change is known, in words.
func (o Observed) Says() string {
	var parts []string
	switch {
	case o.Wanted != "":
		parts = append(parts, strings.Join(o.True, ", ")+" of every parent, for the latest generation")
	case !o.silent():
		if o.Generation != "" {
			parts = append(parts, o.Generation)
		}
		if o.Conditions != "" {
			parts = append(parts, "condition "+strings.Join(o.True, ", "))
		}
	case o.State != "":
		parts = append(parts, fmt.Sprintf("it does not say; after %d s %s must not be %s", o.Seconds, o.State, strings.Join(o.Bad, " or ")))
	default:
		parts = append(parts, fmt.Sprintf("it does not say; it is given %d s", o.Seconds))
	}
	return strings.Join(parts, " and ")
}

// pending says what the routers still have to report before the object's latest generation counts as taken: nothing
// when they all have. A refusal is an error.
func (r Route) pending(object map[string]any) (string, error) {
	o := r.Row.Observed
	generation, _ := at(object, "metadata.generation")
	if o.Wanted == "" {
		return r.pendingAlone(object, generation)
	}
	wantedAny, _ := at(object, o.Wanted)
	reportedAny, _ := at(object, o.Reported)
	wanted, _ := wantedAny.([]any)
	reported, _ := reportedAny.([]any)
	var pending []string
	for _, parent := range wanted {
		var heard bool
		for _, report := range reported {
			from, _ := at(report, o.Parent)
			if !sameParent(parent, from) {
				continue // a report on a parent the route has left stays in the status for ever
			}
			heard = true
			left, err := r.unobserved(report, "conditions", parentName(from), generation)
			if err != nil {
				return "", err
			}
			pending = append(pending, left...)
		}
		if !heard {
			pending = append(pending, fmt.Sprintf("%s has not reported", parentName(parent)))
		}
	}
	if len(wanted) == 0 {
		pending = append(pending, "it has no parent in "+o.Wanted)
	}
	return strings.Join(pending, ", "), nil
}

// pendingAlone is pending for a router that reports on the object as a whole.
func (r Route) pendingAlone(object map[string]any, generation any) (string, error) {
	o := r.Row.Observed
	var pending []string
	if o.Generation != "" {
		seen, _ := at(object, o.Generation)
		if got, _ := number(seen); !atLeast(got, generation) {
			return o.Generation + " is not the latest generation", nil
		}
	}
	if o.Conditions != "" {
		left, err := r.unobserved(object, o.Conditions, "its router", generation)
		if err != nil {
			return "", err
		}
		pending = left
	}
	return strings.Join(pending, ", "), nil
}

// sameParent compares references to a parent by what both say; a report may spell out what the route leaves to its
// defaults.
func sameParent(wanted, reported any) bool {
	a, _ := wanted.(map[string]any)
	b, _ := reported.(map[string]any)
	for key, v := range a {
		if other, ok := b[key]; ok && !equal(v, other) {
			return false
		}
	}
	return len(a) > 0 && len(b) > 0
}

// unobserved names the conditions of one report that are missing or of an older generation. Conditions that carry no
// generation count when the report as a whole does.
func (r Route) unobserved(report any, path, from string, generation any) ([]string, error) {
	listed, _ := at(report, path)
	conditions, _ := listed.([]any)
	var left []string
	for i, name := range r.Row.Observed.True {
		var found bool
		for _, c := range conditions {
			if kind, _ := at(c, "type"); kind != any(name) {
				continue
			}
			found = true
			seen, dated := at(c, "observedGeneration")
			status, _ := at(c, "status")
			got, _ := number(seen)
			fresh := atLeast(got, generation) || !dated && r.Row.Observed.Generation != ""
			if !fresh || status != any("True") && status != any("False") {
				left = append(left, fmt.Sprintf("%s has not said %s for the latest generation", from, name))
			} else if status == any("False") {
				reason, _ := at(c, "reason")
				message, _ := at(c, "message")
				return nil, fmt.Errorf("%s: %s refuses it: %s is False (%v): %v\n  correct the route or what it names, then launch again",
					r, from, name, reason, message)
			}
		}
		if !found && i == 0 {
			left = append(left, fmt.Sprintf("%s has not said %s", from, name))
		}
	}
	return left, nil
}

func atLeast(seen int64, generation any) bool {
	want, _ := number(generation)
	return seen >= want
}

func parentName(parent any) string {
	name, _ := at(parent, "name")
	kind, ok := at(parent, "kind")
	if !ok {
		kind = "gateway"
	}
	return strings.ToLower(fmt.Sprint(kind)) + " " + fmt.Sprint(name)
}
