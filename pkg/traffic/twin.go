package traffic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// twin is the form of routers with one Service to an object: blue gets an object of its own, made from green's, which
// says how much of green's traffic it takes. Green's object is not written.
type twin struct{}

// twinOf says in a twin whose it is.
const twinOf = "dro.dev/twin-of"

func (r Route) twinKey() key {
	k := r.key()
	if k.name = r.Blue; r.Name != r.Green {
		k.name = r.Name + "-" + r.Blue // an object with several components has several twins
	}
	return k
}

func (r Route) twinMark() string { return r.Name + "/" + r.Green }

func (twin) reads(r Route) []key { return append([]key{r.key()}, r.beside()...) }

func (twin) check(s *session, r Route, percent int) error {
	held := s.held[r.key()]
	switch {
	case apierrors.IsNotFound(held.err):
		return explained(r, held.err)
	case held.err == nil && percent > 0 && !r.pointsAt(held.object.Object, green):
		return fmt.Errorf("%s: nothing in it names service %s any more\n  %s", r, r.Green, edited)
	}
	companions, err := r.companions()
	if err != nil {
		return err
	}
	wanted := []key{r.twinKey()}
	for _, c := range companions {
		if c.object != nil {
			wanted = append(wanted, c.key)
		}
	}
	for _, k := range wanted {
		if existing := s.held[k]; existing.err == nil && existing.object != nil {
			if err := r.mine(existing.object); err != nil {
				return err
			}
		}
	}
	return nil
}

// mine refuses an object that has the twin's name and is someone else's.
func (r Route) mine(object *unstructured.Unstructured) error {
	if managed(object) && object.GetAnnotations()[twinOf] == r.twinMark() {
		return nil
	}
	return fmt.Errorf("%s %s/%s is there already and is not dro's\n  rename it: blue's object beside %s needs this name",
		strings.ToLower(r.Row.Kind), r.Namespace, object.GetName(), r)
}

func (t twin) shift(ctx context.Context, s *session, r Route, percent int) (func(context.Context, *session) error, error) {
	if err := t.check(s, r, percent); err != nil {
		return nil, err
	}
	undo, err := t.weigh(ctx, s, r, percent)
	if err != nil {
		return nil, err
	}
	if err := t.accompany(ctx, s, r); err != nil {
		return nil, errors.Join(err, undo(ctx, s), t.dismiss(ctx, s, r))
	}
	return func(ctx context.Context, s *session) error { return errors.Join(undo(ctx, s), t.dismiss(ctx, s, r)) }, nil
}

// weigh gives blue's object its share.
func (t twin) weigh(ctx context.Context, s *session, r Route, percent int) (func(context.Context, *session) error, error) {
	k := r.twinKey()
	existing, err := s.seen(ctx, k)
	switch {
	case apierrors.IsNotFound(err) && percent == 0 && r.describeCanary() == "":
		return func(context.Context, *session) error { return nil }, nil
	case apierrors.IsNotFound(err):
		if err := t.create(ctx, s, r, percent); err != nil {
			return nil, err
		}
		return func(ctx context.Context, s *session) error { return t.remove(ctx, s, r) }, nil
	case err != nil:
		s.forget(k)
		return nil, fmt.Errorf("%s: read blue's beside it: %w", r, err)
	}
	before := r.twinWeight(existing.Object)
	if err := t.set(ctx, s, r, int64(percent)); err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *session) error { return t.set(ctx, s, r, before) }, nil
}

func (twin) create(ctx context.Context, s *session, r Route, percent int) error {
	original, err := r.object()
	if err != nil {
		return err
	}
	if err := s.create(ctx, r.twinKey(), r.twin(original, percent)); err != nil {
		return fmt.Errorf("%s: create blue's beside it: %w", r, err)
	}
	return nil
}

func (twin) set(ctx context.Context, s *session, r Route, percent int64) error {
	_, err := s.write(ctx, r.twinKey(), r, func(object map[string]any) ([]op, error) {
		if err := r.mine(&unstructured.Unstructured{Object: object}); err != nil {
			return nil, err
		}
		ops := r.annotated(object)
		if r.twinWeight(object) != percent {
			ops = append(ops, op{op: "add", way: r.Row.Twin.Weight, value: r.Row.Twin.weight(percent)})
		}
		return ops, nil
	})
	return err
}

func (t twin) restore(ctx context.Context, s *session, r Route) error {
	return errors.Join(t.remove(ctx, s, r), t.dismiss(ctx, s, r))
}

func (twin) remove(ctx context.Context, s *session, r Route) error {
	k := r.twinKey()
	existing, err := s.seen(ctx, k)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		s.forget(k)
		return fmt.Errorf("%s: read blue's beside it: %w", r, err)
	}
	if err := r.mine(existing); err != nil {
		return err
	}
	if err := s.remove(ctx, k, existing); err != nil {
		return fmt.Errorf("%s: delete blue's beside it: %w", r, err)
	}
	return nil
}

func (twin) share(ctx context.Context, s *session, r Route) (Share, error) {
	if _, err := s.seen(ctx, r.key()); err != nil {
		return Share{}, err
	}
	share := Share{Component: r.Component, Route: r.String()}
	rule := RuleShare{Path: steps(r.Row.Twin.Weight).String(), Green: 100}
	existing, err := s.seen(ctx, r.twinKey())
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return Share{}, err
	default:
		rule.Blue = r.twinWeight(existing.Object)
		rule.Green -= rule.Blue
	}
	share.Rules = []RuleShare{rule}
	return share, nil
}

func (twin) describe(r Route, percent int) ([]string, error) {
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	if _, has := along(original, r.Row.Twin.Weight); has {
		return nil, fmt.Errorf("%s: it has a weight of its own in %s, so green is part of another split\n"+
			"  take the weight out before the launch", r, steps(r.Row.Twin.Weight))
	}
	companions, err := r.describeCompanions()
	if err != nil || percent == 0 && len(companions) > 0 {
		return companions, err
	}
	return append([]string{fmt.Sprintf("%s %s/%s: new, like %s, with service %s and %s: %d", strings.ToLower(r.Row.Kind),
		r.Namespace, r.twinKey().name, r.Name, r.Blue, steps(r.Row.Twin.Weight), percent) + r.describeCanary()}, companions...), nil
}

// twin is blue's object beside green's.
func (r Route) twin(original map[string]any, percent int) map[string]any {
	spec, _ := copied(original["spec"]).(map[string]any)
	maps.DeleteFunc(spec, func(key string, _ any) bool {
		return len(r.Row.Twin.Keep) > 0 && !slices.Contains(r.Row.Twin.Keep, key)
	})
	object := map[string]any{"apiVersion": original["apiVersion"], "kind": original["kind"], "spec": spec}
	annotations := map[string]any{twinOf: r.twinMark()}
	for key, value := range r.Row.Twin.Annotations {
		annotations[key] = value
	}
	each(r.canaryNotes(), func(key, value string) {
		if value != "" {
			annotations[key] = value
		}
	})
	if class, ok := along(original, steps{"metadata", "annotations", classAnnotation}); ok {
		annotations[classAnnotation] = class
	}
	object["metadata"] = map[string]any{
		"name": r.twinKey().name, "namespace": r.Namespace, "annotations": annotations,
		"labels": map[string]any{managedBy: owner},
	}
	e := edit{route: r}
	if len(r.Row.Lists) == 0 {
		object = e.blueOf(object).(map[string]any)
	}
	for _, l := range r.Row.Lists {
		e.keepGreen(object, l)
	}
	put(object, r.Row.Twin.Weight, r.Row.Twin.weight(int64(percent)))
	return object
}

// keepGreen leaves of a list's rules what names green, under blue's name.
func (e *edit) keepGreen(object map[string]any, l List) {
	var emptied []steps
	for _, place := range within(object, l.Path) {
		listed, _ := along(object, place.steps())
		backends, _ := listed.([]any)
		kept := []any{}
		for _, b := range backends {
			if e.route.slotOf(b, e.route.Row.Service) == green {
				kept = append(kept, e.blueOf(b))
			}
		}
		if rule, ok := along(object, place.rule); ok {
			put(rule, place.below, kept)
		}
		if len(kept) == 0 {
			emptied = append(emptied, place.rule)
		}
	}
	for _, rule := range slices.Backward(emptied) {
		parent, _ := along(object, rule[:len(rule)-1])
		rules, ok := parent.([]any)
		i, err := strconv.Atoi(rule[len(rule)-1])
		if ok && err == nil {
			put(object, rule[:len(rule)-1], slices.Delete(rules, i, i+1))
		}
	}
}

func (t Twin) weight(percent int64) any {
	if t.Text {
		return strconv.FormatInt(percent, 10)
	}
	return percent
}

// twinWeight is the share that blue's object asks for.
func (r Route) twinWeight(object map[string]any) int64 {
	v, _ := along(object, r.Row.Twin.Weight)
	if text, ok := v.(string); ok {
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	}
	n, _ := number(v)
	return n
}
