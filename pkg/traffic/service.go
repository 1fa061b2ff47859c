package traffic

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// labelSwitch is the form without any router: green's Service gets the selector of blue's, and back. All or nothing.
type labelSwitch struct{}

var selectorWay = steps{"spec", "selector"}

var services = schema.GroupVersionResource{Version: "v1", Resource: "services"}

func (r Route) blueService() key { return key{services, r.slotsNamespace(), r.Blue} }

func (labelSwitch) reads(r Route) []key { return []key{r.key(), r.blueService()} }

func (labelSwitch) check(s *session, r Route, percent int) error {
	held := s.held[r.key()]
	if apierrors.IsNotFound(held.err) {
		return explained(r, held.err)
	}
	if percent > 0 && percent < 100 {
		return r.allOrNothing(percent)
	}
	if held.err != nil || percent == 0 {
		return nil
	}
	wanted, err := r.blueSelector(s.held[r.blueService()])
	if err != nil {
		return err
	}
	_, err = r.switched(held.object.Object, wanted, true)
	return err
}

func (r Route) allOrNothing(percent int) error {
	return fmt.Errorf("%s: a label switch moves all traffic or none, not %d%%\n"+
		"  let 100%% be the only phase, or route the traffic through one of the routers that have weights: kubectl dro routers", r, percent)
}

// blueSelector is what selects blue's pods.
func (r Route) blueSelector(of answer) (map[string]any, error) {
	if of.err != nil {
		return nil, fmt.Errorf("%s: read the selector of service %s: %w", r, r.Blue, of.err)
	}
	selector, _ := along(of.object.Object, selectorWay)
	labels, _ := selector.(map[string]any)
	if len(labels) == 0 {
		return nil, fmt.Errorf("%s: service %s selects no pods by label, so there is nothing to switch to\n"+
			"  let blue's chart give its Service a selector", r, r.Blue)
	}
	return labels, nil
}

// switched is the change that gives green's Service a selector. One that someone else has changed is theirs, unless the
// way back needs it.
func (r Route) switched(object map[string]any, wanted map[string]any, careful bool) ([]op, error) {
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	was, _ := along(original, selectorWay)
	now, _ := along(object, selectorWay)
	if equal(now, any(wanted)) {
		return nil, nil
	}
	if careful && !equal(now, was) {
		return nil, fmt.Errorf("%s: %s is %s, not %s any more\n  %s", r, selectorWay, labels(now), labels(was), edited)
	}
	return []op{{"add", selectorWay, wanted, fmt.Sprintf("%s: %s → %s", selectorWay, labels(now), labels(wanted))}}, nil
}

func labels(selector any) string {
	m, _ := selector.(map[string]any)
	var all []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s=%v", key, m[key]))
	}
	if len(all) == 0 {
		return "empty"
	}
	return strings.Join(all, ",")
}

func (labelSwitch) shift(ctx context.Context, s *session, r Route, percent int) (func(context.Context, *session) error, error) {
	if percent > 0 && percent < 100 {
		return nil, r.allOrNothing(percent)
	}
	if percent == 0 {
		return nil, r.reselect(ctx, s)
	}
	object, err := s.seen(ctx, r.blueService())
	wanted, err := r.blueSelector(answer{object, err})
	if err != nil {
		return nil, err
	}
	_, err = s.write(ctx, r.key(), r, func(object map[string]any) ([]op, error) { return r.switched(object, wanted, true) })
	if err != nil {
		return nil, err
	}
	return r.reselect, nil
}

// reselect gives green's Service the selector that it had at the launch.
func (r Route) reselect(ctx context.Context, s *session) error {
	original, err := r.object()
	if err != nil {
		return err
	}
	was, _ := along(original, selectorWay)
	wanted, _ := was.(map[string]any)
	_, err = s.write(ctx, r.key(), r, func(object map[string]any) ([]op, error) { return r.switched(object, wanted, false) })
	return err
}

func (labelSwitch) restore(ctx context.Context, s *session, r Route) error { return r.reselect(ctx, s) }

func (labelSwitch) share(ctx context.Context, s *session, r Route) (Share, error) {
	object, err := s.seen(ctx, r.key())
	if err != nil {
		return Share{}, err
	}
	original, err := r.object()
	if err != nil {
		return Share{}, err
	}
	was, _ := along(original, selectorWay)
	now, _ := along(object.Object, selectorWay)
	share := Share{Component: r.Component, Route: r.String(), Rules: []RuleShare{{Path: selectorWay.String()}}}
	if equal(was, now) {
		share.Rules[0].Green = 100
		return share, nil
	}
	object, err = s.seen(ctx, r.blueService())
	if apierrors.IsNotFound(err) {
		return share, nil // someone else's selector: neither slot is known to get anything
	}
	if err != nil {
		return Share{}, err
	}
	if blues, _ := along(object.Object, selectorWay); equal(blues, now) {
		share.Rules[0].Blue = 100
	}
	return share, nil
}

func (labelSwitch) describe(r Route, percent int) ([]string, error) {
	if percent > 0 && percent < 100 {
		return nil, r.allOrNothing(percent)
	}
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	was, _ := along(original, selectorWay)
	if m, _ := was.(map[string]any); len(m) == 0 {
		return nil, fmt.Errorf("%s: it selects no pods by label, so there is nothing to switch\n  give it a selector, or use another router", r)
	}
	return []string{fmt.Sprintf("%s: %s → the selector of service %s", selectorWay, labels(was), r.Blue)}, nil
}
