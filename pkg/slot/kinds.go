package slot

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds are what blue's releases hold, and green's that they will take the place of: who goes on with the rollout must
// be allowed to make, change and remove objects of these kinds.
func (s *Slots) Kinds(ctx context.Context, components []Component) ([]schema.GroupVersionKind, error) {
	h, err := s.helm(ctx)
	if err != nil {
		return nil, err
	}
	var kinds []schema.GroupVersionKind
	add := func(release string) error {
		rel, err := h.last(release)
		if err != nil || rel == nil {
			return err
		}
		objects, err := readObjects([]byte(rel.Manifest))
		if err != nil {
			return err
		}
		for _, o := range objects {
			if kind := o.GroupVersionKind(); !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
		return nil
	}
	for _, r := range Releases(components) {
		for _, name := range []string{r.Name, r.Components[0].GreenRelease} {
			if name == "" {
				continue
			}
			if err := add(name); err != nil {
				return nil, err
			}
		}
	}
	return kinds, nil
}
