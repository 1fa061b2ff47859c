package slot

import (
	"slices"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/release"
)

func TestLeftoversAreBlueAlone(t *testing.T) {
	c := newCluster()
	c.install(t, "shop", map[string]any{"fixedNames": true})
	s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}})
	r := c.installBlue(t, s)
	all, err := s.Leftovers(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("got %+v, %v; want blue and not green", all, err)
	}
	if got := all[0]; got.Name != r.Name || got.Rollout != s.bp.ID || !slices.Contains(got.Services, r.Components[0].BlueService) {
		t.Errorf("got %+v", got)
	}
}

func TestAGreenThatLooksLikeBlueIsNone(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: x"
	labels := map[string]string{labelRollout: "food-v1", labelApp: "food"}
	for name, tc := range map[string]struct {
		rel  release.Release
		blue bool
	}{
		"blue":                          {release.Release{Name: "food-blue", Labels: labels, Manifest: service + ", labels: {dro.dev/slot: blue}}"}, true},
		"a component called sky-blue":   {release.Release{Name: "sky-blue", Labels: labels, Manifest: service + "}"}, false},
		"a release of someone else":     {release.Release{Name: "food-blue", Manifest: service + ", labels: {dro.dev/slot: blue}}"}, false},
		"a green that dro installed":    {release.Release{Name: "food", Labels: labels, Manifest: service + ", labels: {dro.dev/slot: blue}}"}, false},
		"one without anything in it":    {release.Release{Name: "food-blue", Labels: labels}, false},
		"one with something of green's": {release.Release{Name: "food-blue", Labels: labels, Manifest: service + ", labels: {dro.dev/slot: blue}}\n---\n" + service + "2}"}, false},
	} {
		if _, blue, err := blueOnly(&tc.rel); err != nil || blue != tc.blue {
			t.Errorf("%s: %v, %v", name, blue, err)
		}
	}
}
