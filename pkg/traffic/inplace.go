package traffic

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// inPlace is the form of most routers: blue's backend stands beside green's in green's object, each with a weight.
type inPlace struct{}

func (inPlace) reads(r Route) []key { return []key{r.key()} }

func (inPlace) check(s *session, r Route, percent int) error {
	held := s.held[r.key()]
	if held.err != nil {
		if apierrors.IsNotFound(held.err) {
			return explained(r, held.err)
		}
		return nil // it is read again when its turn comes
	}
	original, err := r.object()
	if err != nil {
		return err
	}
	_, err = r.layeredShift(original, held.object.Object, percent)
	return err
}

func (inPlace) shift(ctx context.Context, s *session, r Route, percent int) (func(context.Context, *session) error, error) {
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	before, err := s.write(ctx, r.key(), r, func(object map[string]any) ([]op, error) { return r.layeredShift(original, object, percent) })
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *session) error {
		_, err := s.write(ctx, r.key(), r, func(object map[string]any) ([]op, error) { return r.layeredRevert(before, object) })
		return err
	}, nil
}

func (inPlace) restore(ctx context.Context, s *session, r Route) error {
	original, err := r.object()
	if err != nil {
		return err
	}
	_, err = s.write(ctx, r.key(), r, func(object map[string]any) ([]op, error) { return r.layeredRevert(original, object) })
	return err
}

func (inPlace) share(ctx context.Context, s *session, r Route) (Share, error) {
	object, err := s.seen(ctx, r.key())
	if err != nil {
		return Share{}, err
	}
	clean, _, err := r.bare(object.Object)
	if err != nil {
		return Share{}, err
	}
	return r.share(clean), nil
}

// share is the split that an object holds.
func (r Route) share(object map[string]any) Share {
	s := Share{Component: r.Component, Route: r.String()}
	for _, p := range r.pools(r.Row.view(object)) {
		if !p.named() {
			continue
		}
		rule := RuleShare{Path: p.list.String()}
		for _, e := range p.entries {
			switch e.slot {
			case green:
				rule.Green += e.share
			case blue:
				rule.Blue += e.share
			}
		}
		s.Rules = append(s.Rules, rule)
	}
	return s
}

func (inPlace) describe(r Route, percent int) ([]string, error) {
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	ops, err := r.layeredShift(original, original, percent)
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(ops))
	for _, o := range ops {
		lines = append(lines, strings.Split(o.says, "\n")...)
	}
	return lines, nil
}

// leads reports whether an object sends traffic to green.
func (r Route) leads(object map[string]any) bool {
	if r.Row.Form.Asked() {
		return r.Name == r.Green && r.Namespace == r.slotsNamespace()
	}
	return r.pointsAt(object, green)
}

// Asked tells whether such a router is only taken when the blueprint says so.
func (f Form) Asked() bool { return f == SwitchForm || f == ReplicasForm }

// pointsAt reports whether something in an object names green, or blue.
func (r Route) pointsAt(object map[string]any, s slot) bool {
	view := r.Row.view(object)
	if len(r.Row.Lists) == 0 {
		return r.slotOf(view, r.Row.Service) == s
	}
	for _, p := range r.pools(view) {
		if len(p.of(s)) > 0 {
			return true
		}
	}
	if s == blue && r.Row.Via != nil {
		for _, known := range r.edit(object, object).known(view) {
			if r.aliased(known) == blue {
				return true
			}
		}
	}
	return false
}

// managed reports whether dro made the object.
func managed(object *unstructured.Unstructured) bool {
	return object.GetLabels()[managedBy] == owner
}

const managedBy = "app.kubernetes.io/managed-by"
