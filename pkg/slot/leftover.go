package slot

import (
	"context"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/release"
)

// Leftover is a Helm release of blue as it stands in the namespace, whichever rollout made it.
type Leftover struct {
	Name     string
	App      string
	Rollout  string
	Services []string // which it brings
}

// Leftovers are all releases of blue in the namespace. Whether one is still needed is not known here.
func (s *Slots) Leftovers(ctx context.Context) ([]Leftover, error) {
	h, err := s.helm(ctx)
	if err != nil {
		return nil, err
	}
	newest := map[string]*release.Release{}
	revisions, err := h.Releases.ListReleases()
	if err != nil {
		return nil, err
	}
	for _, rel := range revisions {
		if last := newest[rel.Name]; last == nil || last.Version < rel.Version {
			newest[rel.Name] = rel
		}
	}
	var all []Leftover
	for name, rel := range newest {
		services, blue, err := blueOnly(rel)
		if err != nil {
			return nil, err
		}
		if blue {
			all = append(all, Leftover{Name: name, App: rel.Labels[labelApp], Rollout: rel.Labels[labelRollout], Services: services})
		}
	}
	slices.SortFunc(all, func(a, b Leftover) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// blueOnly says whether a release is a rollout's blue, by everything that tells: its labels, its name, and the marks of all
// Services and workloads in it. A green that dro installed has the labels, too.
func blueOnly(rel *release.Release) (services []string, blue bool, err error) {
	if rel.Labels[labelRollout] == "" || !strings.HasSuffix(rel.Name, suffix) {
		return nil, false, nil
	}
	objects, err := readObjects([]byte(rel.Manifest))
	if err != nil {
		return nil, false, err
	}
	for _, o := range objects {
		switch o.GetKind() {
		case "Service":
			services = append(services, o.GetName())
		case "Deployment", "StatefulSet":
		default:
			continue
		}
		if o.GetLabels()[labelSlot] != "blue" {
			return nil, false, nil
		}
		blue = true
	}
	return services, blue, nil
}
