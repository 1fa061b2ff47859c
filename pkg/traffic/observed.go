package traffic

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Observed watches until the routers say that they took the last write. A router that refuses it is an error at once,
// one that stays silent when ctx ends.
func (m *Mover) Observed(ctx context.Context, routes []Route) error {
	var errs []error
	for _, r := range routes {
		if err := m.observed(ctx, r); apierrors.IsNotFound(err) {
			m.warn("%s is gone: there is nothing left that could observe it", r)
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (m *Mover) observed(ctx context.Context, r Route) error {
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
			return fmt.Errorf("%s: its router has not taken the change: %s\n  is the gateway's controller running? (%w)", r, pending, ctx.Err())
		case apierrors.IsGone(err) || apierrors.IsResourceExpired(err) || errors.Is(err, watchtools.ErrWatchClosed):
			continue // what the watch was to go on from is too old: read again
		default:
			return err
		}
	}
}

// pending says what the routers still have to report before the object's latest generation counts as taken: nothing
// when they all have. A refusal is an error.
func (r Route) pending(object map[string]any) (string, error) {
	o := r.Row.Observed
	generation, _ := at(object, "metadata.generation")
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
			left, err := r.unobserved(report, generation)
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

// unobserved names the conditions of one report that are missing or of an older generation.
func (r Route) unobserved(report, generation any) ([]string, error) {
	from, _ := at(report, r.Row.Observed.Parent)
	listed, _ := at(report, "conditions")
	conditions, _ := listed.([]any)
	var left []string
	for i, name := range r.Row.Observed.True {
		var found bool
		for _, c := range conditions {
			if kind, _ := at(c, "type"); kind != any(name) {
				continue
			}
			found = true
			seen, _ := at(c, "observedGeneration")
			status, _ := at(c, "status")
			if got, _ := number(seen); !atLeast(got, generation) || status != any("True") && status != any("False") {
				left = append(left, fmt.Sprintf("%s has not said %s for the latest generation", parentName(from), name))
			} else if status == any("False") {
				reason, _ := at(c, "reason")
				message, _ := at(c, "message")
				return nil, fmt.Errorf("%s: %s refuses it: %s is False (%v): %v\n  correct the route or what it names, then launch again",
					r, parentName(from), name, reason, message)
			}
		}
		if !found && i == 0 {
			left = append(left, fmt.Sprintf("%s has not said %s", parentName(from), name))
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
