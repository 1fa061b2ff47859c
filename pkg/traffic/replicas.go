package traffic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"
)

// replicas is the form of clusters with no router at all: an EndpointSlice of dro's adds some of blue's pods to green's
// Service, so that blue's share is that of its pods; at 100 % the Service selects blue's instead, as with a label switch.
// Whoever drives the rollout keeps the slice in step with the pods: see outOfStep.
type replicas struct{ all labelSwitch }

var endpointSlices = discoveryv1.SchemeGroupVersion.WithResource("endpointslices")

func (r Route) sliceKey() key { return key{endpointSlices, r.slotsNamespace(), r.Green + "-" + r.Blue} }

// some tells whether a share is one of both slots.
func some(percent int) bool { return percent > 0 && percent < 100 }

// mixes tells whether the route gives a share by pods.
func (r Route) mixes(percent int) bool { return r.Row.Form == ReplicasForm && some(percent) }

func (f replicas) reads(r Route) []key { return append(f.all.reads(r), r.sliceKey()) }

func (f replicas) check(s *session, r Route, percent int) error {
	if some(percent) {
		percent = 100 // what a switch takes, this does
	}
	if err := f.all.check(s, r, percent); err != nil {
		return err
	}
	if existing := s.held[r.sliceKey()]; existing.err == nil && existing.object != nil {
		return r.mine(existing.object)
	}
	return nil
}

func (f replicas) shift(ctx context.Context, s *session, r Route, percent int) (func(context.Context, *session) error, error) {
	if some(percent) {
		return f.mix(ctx, s, r, percent)
	}
	back, err := f.all.shift(ctx, s, r, percent)
	if err != nil && percent > 0 {
		return nil, err
	}
	if err = errors.Join(err, f.unmix(ctx, s, r)); err != nil && back != nil {
		err = errors.Join(err, back(ctx, s))
	}
	return back, err
}

// mix gives green's Service as many of blue's pods as come nearest to the share.
func (f replicas) mix(ctx context.Context, s *session, r Route, percent int) (func(context.Context, *session) error, error) {
	pods, err := r.pods(ctx, s.client)
	if err != nil {
		return nil, err
	}
	wanted, err := pods.slice(r, percent)
	if err != nil {
		return nil, err
	}
	undo, err := f.put(ctx, s, r, wanted)
	if err != nil {
		return nil, err
	}
	if err := r.reselect(ctx, s); err != nil { // only after 100 %
		return nil, errors.Join(err, undo(ctx, s))
	}
	return undo, nil
}

// put writes the slice. What it returns takes that back.
func (f replicas) put(ctx context.Context, s *session, r Route, wanted *discoveryv1.EndpointSlice) (func(context.Context, *session) error, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted)
	if err != nil {
		return nil, fmt.Errorf("%s: make blue's endpoints: %w", r, err)
	}
	before, err := s.seen(ctx, r.sliceKey())
	if apierrors.IsNotFound(err) {
		blue, err := s.seen(ctx, r.blueService())
		if err != nil {
			return nil, fmt.Errorf("%s: read service %s: %w", r, r.Blue, err)
		}
		made := &unstructured.Unstructured{Object: object}
		unstructured.RemoveNestedField(made.Object, "metadata", "creationTimestamp")
		// It goes with blue's Service, should nobody be left to take it away.
		made.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: r.Blue, UID: blue.GetUID()}})
		if err := s.create(ctx, r.sliceKey(), made.Object); err != nil {
			return nil, fmt.Errorf("%s: add blue's endpoints: %w", r, err)
		}
		return func(ctx context.Context, s *session) error { return f.unmix(ctx, s, r) }, nil
	}
	if err != nil {
		s.forget(r.sliceKey())
		return nil, fmt.Errorf("%s: read the endpoints that it has of blue: %w", r, err)
	}
	change := func(to any) func(map[string]any) ([]op, error) {
		return func(now map[string]any) ([]op, error) {
			if err := r.mine(&unstructured.Unstructured{Object: now}); err != nil || equal(now["endpoints"], to) {
				return nil, err
			}
			return []op{{op: "add", way: steps{"endpoints"}, value: to}}, nil
		}
	}
	was := copied(before.Object["endpoints"])
	if _, err := s.write(ctx, r.sliceKey(), r, change(object["endpoints"])); err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *session) error {
		_, err := s.write(ctx, r.sliceKey(), r, change(was))
		return err
	}, nil
}

// unmix takes blue's pods out of green's Service.
func (replicas) unmix(ctx context.Context, s *session, r Route) error {
	k := r.sliceKey()
	existing, err := s.seen(ctx, k)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = r.mine(existing)
	}
	if err == nil {
		err = s.remove(ctx, k, existing)
	}
	if err != nil {
		s.forget(k)
		return fmt.Errorf("%s: take blue's endpoints out: %w", r, err)
	}
	return nil
}

func (f replicas) restore(ctx context.Context, s *session, r Route) error {
	return errors.Join(f.all.restore(ctx, s, r), f.unmix(ctx, s, r))
}

func (f replicas) share(ctx context.Context, s *session, r Route) (Share, error) {
	share, err := f.all.share(ctx, s, r)
	if err != nil || share.Rules[0].Green == 0 {
		return share, err
	}
	pods, err := r.pods(ctx, s.client)
	if err != nil || pods.own == nil {
		return share, err
	}
	share.Rules = []RuleShare{{Path: "endpoints", Green: int64(pods.green), Blue: int64(len(pods.own.Endpoints))}}
	return share, nil
}

func (f replicas) describe(r Route, percent int) ([]string, error) {
	if !some(percent) {
		return f.all.describe(r, percent)
	}
	if _, err := f.all.describe(r, 100); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("endpointslice %s/%s: new, with %s", r.slotsNamespace(), r.sliceKey().name, r.mixed(percent))}, nil
}

// mixed says how many of blue's pods a share takes. Blue is as large as green is.
func (r Route) mixed(percent int) string {
	k := nearest(percent, r.Pods, r.Pods)
	return fmt.Sprintf("%d of %s's pods beside %d of %s's", k, r.Blue, r.Pods, r.Green)
}

// Nearest says what share a route can be set to instead of the one that is asked for; empty when it is that one.
func Nearest(r Route, percent int) string {
	if !r.mixes(percent) || r.Pods == 0 {
		return ""
	}
	k := nearest(percent, r.Pods, r.Pods)
	if k*100 == percent*(r.Pods+k) {
		return ""
	}
	return fmt.Sprintf("%s gets %.0f%% instead of %d%%, the nearest share: %s", r.Component, float64(k*100)/float64(r.Pods+k), percent, r.mixed(percent))
}

// nearest is how many of blue's pods beside green's come nearest to a share, but at least one.
func nearest(percent, green, blue int) int {
	rest := 100 - percent
	return min(max((percent*green+rest/2)/rest, 1), blue)
}

// pods are what can answer for green's Service.
type pods struct {
	green   int                         // addresses of green's that are ready
	blue    []discoveryv1.EndpointSlice // blue's
	own     *discoveryv1.EndpointSlice  // dro's, if it is there
	version string                      // of the list
}

// pods reads which pods the slots have.
func (r Route) pods(ctx context.Context, client dynamic.Interface) (*pods, error) {
	list, err := client.Resource(endpointSlices).Namespace(r.slotsNamespace()).List(ctx, metav1.ListOptions{LabelSelector: r.slices()})
	if err != nil {
		return nil, fmt.Errorf("%s: list the endpoints of services %s and %s: %w", r, r.Green, r.Blue, err)
	}
	p := &pods{version: list.GetResourceVersion()}
	var greens []discoveryv1.EndpointSlice
	blues := map[string]bool{}
	for _, item := range list.Items {
		var slice discoveryv1.EndpointSlice
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &slice); err != nil {
			return nil, fmt.Errorf("%s: read endpointslice %s/%s: %w", r, item.GetNamespace(), item.GetName(), err)
		}
		switch {
		case slice.Name == r.sliceKey().name:
			p.own = &slice
		case slice.Labels[discoveryv1.LabelServiceName] == r.Green:
			greens = append(greens, slice)
		default:
			p.blue = append(p.blue, slice)
			for _, e := range slice.Endpoints {
				blues[address(e)] = true
			}
		}
	}
	for _, slice := range greens {
		for _, e := range slice.Endpoints {
			if ready(e) && !blues[address(e)] && slice.AddressType == greens[0].AddressType {
				p.green++
			}
		}
	}
	return p, nil
}

// slices selects the EndpointSlices of both Services.
func (r Route) slices() string {
	return fmt.Sprintf("%s in (%s,%s)", discoveryv1.LabelServiceName, r.Green, r.Blue)
}

// slice is the one that gives blue a share: of blue's pods those that it has already, as long as they are ready. A share
// that blue has already is not lost when none of its pods is: green answers then.
func (p *pods) slice(r Route, percent int) (*discoveryv1.EndpointSlice, error) {
	out := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: discoveryv1.SchemeGroupVersion.String(), Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Name: r.sliceKey().name, Namespace: r.slotsNamespace(),
			Labels: map[string]string{
				discoveryv1.LabelServiceName: r.Green, discoveryv1.LabelManagedBy: owner, managedBy: owner,
			},
			Annotations: map[string]string{twinOf: r.twinMark()},
		},
		Endpoints: []discoveryv1.Endpoint{},
	}
	has := map[string]int{} // 1: it has that one already
	if p.own != nil {
		for _, e := range p.own.Endpoints {
			has[address(e)] = 1
		}
	}
	for _, s := range p.blue {
		if out.AddressType == "" && len(s.Endpoints) > 0 {
			out.AddressType, out.Ports = s.AddressType, s.Ports
		}
		if s.AddressType != out.AddressType {
			continue // the same pods by another family
		}
		for _, e := range s.Endpoints {
			if ready(e) {
				out.Endpoints = append(out.Endpoints, e)
			}
		}
	}
	if len(out.Endpoints) == 0 && p.own == nil {
		return nil, fmt.Errorf("%s: service %s has no pod that is ready\n  see why: kubectl -n %s get pods", r, r.Blue, r.slotsNamespace())
	}
	slices.SortFunc(out.Endpoints, func(a, b discoveryv1.Endpoint) int {
		return cmp.Or(has[address(b)]-has[address(a)], cmp.Compare(address(a), address(b)))
	})
	out.Endpoints = out.Endpoints[:nearest(percent, p.green, len(out.Endpoints))]
	slices.SortFunc(out.Endpoints, func(a, b discoveryv1.Endpoint) int { return cmp.Compare(address(a), address(b)) })
	return out, nil
}

func address(e discoveryv1.Endpoint) string { return strings.Join(e.Addresses, ",") }

func ready(e discoveryv1.Endpoint) bool { return ptr.Deref(e.Conditions.Ready, true) }

// outOfStep says how the slice is other than the pods that there are now want it, and of which version that is known.
func (m *Mover) outOfStep(ctx context.Context, r Route, percent int) (*Drift, string, error) {
	p, err := r.pods(ctx, m.Client)
	if err != nil {
		return nil, "", err
	}
	var has, wants []string
	if p.own != nil {
		for _, e := range p.own.Endpoints {
			has = append(has, address(e))
		}
	}
	wanted, err := p.slice(r, percent)
	if err != nil {
		return nil, "", err
	}
	for _, e := range wanted.Endpoints {
		wants = append(wants, address(e))
	}
	if slices.Equal(has, wants) {
		return nil, p.version, nil
	}
	return &Drift{
		Route: r.String(), Stale: true,
		Changes: []string{fmt.Sprintf("endpoints of %s: [%s] → [%s]", r.Blue, strings.Join(has, " "), strings.Join(wants, " "))},
	}, p.version, nil
}
