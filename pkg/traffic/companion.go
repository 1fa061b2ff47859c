package traffic

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// companion is an object of blue's beside its twin, for whom a choice leads to blue: where an object is one rule,
// chosen requests need one of their own, and so do copies.
type companion struct {
	key    key
	object map[string]any // what it has to be; nil: there must be none
	says   string
}

// toldApart are the fields by which companions differ from green's object.
var toldApart = []string{"headers", "query_parameters", "regex_headers", "shadow", "weight"}

// keepers are whose labels tell who keeps an object.
var keepers = map[string]bool{
	"app.kubernetes.io": true, "argocd.argoproj.io": true, "helm.sh": true, "kustomize.toolkit.fluxcd.io": true, "helm.toolkit.fluxcd.io": true,
}

// companions are the route's, those it has to have and those it may not.
func (r Route) companions() ([]companion, error) {
	if r.Row.Choosing.Match != mappingMatch || len(r.Choices) == 0 && r.Choice.empty() {
		return nil, nil
	}
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	beside := func(suffix string) companion {
		k := r.twinKey()
		k.name += suffix
		return companion{key: k}
	}
	chosen, copies := beside("-chosen"), beside("-copies")
	if m := r.Choice.Match; m != nil {
		chosen.object = r.companion(original, chosen.key.name)
		spec, _ := chosen.object["spec"].(map[string]any)
		if err := mappingConditions(spec, *m); err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		chosen.says = fmt.Sprintf("chosen requests (%s)", told(*m))
	}
	if r.Choice.Mirror > 0 {
		copies.object = r.companion(original, copies.key.name)
		put(copies.object, steps{"spec", "shadow"}, true)
		put(copies.object, steps{"spec", "weight"}, int64(r.Choice.Mirror))
		copies.says = fmt.Sprintf("copies of %d%% of the requests", r.Choice.Mirror)
	}
	return []companion{chosen, copies}, nil
}

// companion is blue's twin without its share, under another name. It is for itself, so it needs the labels by which a Host
// chooses green's; those that say who keeps an object are not its.
func (r Route) companion(original map[string]any, name string) map[string]any {
	object := r.twin(original, 0)
	drop(object, r.Row.Twin.Weight)
	put(object, steps{"metadata", "name"}, name)
	labels, _ := at(original, "metadata.labels")
	chosen, _ := labels.(map[string]any)
	for key, value := range chosen {
		if domain, _, has := strings.Cut(key, "/"); !has || !keepers[domain] {
			put(object, steps{"metadata", "labels", key}, value)
		}
	}
	put(object, steps{"metadata", "labels", managedBy}, owner)
	return object
}

// accompany makes the companions that the route's choice wants, and deletes the others.
func (twin) accompany(ctx context.Context, s *session, r Route) error {
	wanted, err := r.companions()
	if err != nil {
		return err
	}
	for _, c := range wanted {
		if err := c.settle(ctx, s, r); err != nil {
			return fmt.Errorf("%s: %s beside it: %w", r, c.key.name, err)
		}
	}
	return nil
}

func (c companion) settle(ctx context.Context, s *session, r Route) error {
	existing, err := s.seen(ctx, c.key)
	switch {
	case apierrors.IsNotFound(err) && c.object == nil:
		return nil
	case apierrors.IsNotFound(err):
		return s.create(ctx, c.key, c.object)
	case err != nil:
		s.forget(c.key)
		return err
	case c.object == nil:
		if r.mine(existing) != nil {
			return nil // somebody's own
		}
		return s.remove(ctx, c.key, existing)
	}
	_, err = s.write(ctx, c.key, r, func(object map[string]any) ([]op, error) {
		if err := r.mine(&unstructured.Unstructured{Object: object}); err != nil {
			return nil, err
		}
		return c.changes(object), nil
	})
	return err
}

// changes make of an object of an earlier phase what it has to be.
func (c companion) changes(object map[string]any) []op {
	var ops []op
	for _, field := range toldApart {
		way := steps{"spec", field}
		now, is := along(object, way)
		want, shall := along(c.object, way)
		switch {
		case shall && (!is || !equal(now, want)):
			ops = append(ops, op{op: "add", way: way, value: want})
		case is && !shall:
			ops = append(ops, op{op: "remove", way: way})
		}
	}
	return ops
}

// dismiss deletes the companions.
func (t twin) dismiss(ctx context.Context, s *session, r Route) error {
	r.Choice = Choice{}
	return t.accompany(ctx, s, r)
}

// describeCompanions is what the route's choice adds beside blue's object.
func (r Route) describeCompanions() ([]string, error) {
	wanted, err := r.companions()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, c := range wanted {
		if c.object != nil {
			lines = append(lines, fmt.Sprintf("%s %s/%s: new, like %s, with service %s and %s",
				strings.ToLower(r.Row.Kind), r.Namespace, c.key.name, r.Name, r.Blue, c.says))
		}
	}
	return lines, nil
}

// beside are the objects of blue's that the route can have.
func (r Route) beside() []key {
	keys := []key{r.twinKey()}
	wanted, err := r.companions()
	if err != nil {
		return keys // whoever needs them meets the error
	}
	for _, c := range wanted {
		keys = append(keys, c.key)
	}
	return keys
}
