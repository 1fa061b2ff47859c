package plan_test

import (
	"slices"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/plan"
)

func food() *blueprint.Blueprint {
	d := func(d time.Duration) *blueprint.Duration { return &blueprint.Duration{Duration: d} }
	return &blueprint.Blueprint{
		ID: "foodsvc-v2",
		Tests: []blueprint.Test{
			{Name: "smoke"},
			{Name: "soak", Before: "full"},
		},
		Phases: []blueprint.Phase{
			{Name: "canary", Traffic: 1, Hold: d(10 * time.Second)},
			{Name: "full", Traffic: 100, Hold: d(20 * time.Second)},
		},
		Keep: d(time.Minute),
	}
}

func TestMake(t *testing.T) {
	blue := plan.Release{Name: "svc-blue", Components: []string{"svc"}}
	second := plan.Release{Name: "mfe-blue", Components: []string{"mfe"}}
	first := plan.Release{Name: "new", Components: []string{"new"}, First: true}
	for name, tc := range map[string]struct {
		releases []plan.Release
		from     string
		want     []string
	}{
		"nothing to do": {nil, "", nil},
		"first launch installs green and tests it": {
			[]plan.Release{first}, "",
			[]string{"install/new", "test/smoke", "test/soak"},
		},
		"two components go up in order and come down in reverse": {
			[]plan.Release{blue, second}, "",
			[]string{
				"install/svc-blue", "install/mfe-blue", "isolate", "test/smoke",
				"shift/canary", "hold/canary", "test/soak", "shift/full", "hold/full",
				"keep", "upgrade/svc-blue", "upgrade/mfe-blue", "return", "drain", "remove/mfe-blue", "remove/svc-blue",
			},
		},
		"from a later phase on, with all that is tested": {
			[]plan.Release{blue}, "full",
			[]string{
				"install/svc-blue", "isolate", "test/smoke", "test/soak", "shift/full", "hold/full",
				"keep", "upgrade/svc-blue", "return", "drain", "remove/svc-blue",
			},
		},
		"a new component beside a live one is not settled": {
			[]plan.Release{blue, first}, "",
			[]string{
				"install/svc-blue", "install/new", "isolate", "test/smoke",
				"shift/canary", "hold/canary", "test/soak", "shift/full", "hold/full",
				"keep", "upgrade/svc-blue", "return", "drain", "remove/svc-blue",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := plan.Make(food(), plan.Live{Releases: tc.releases}, tc.from)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range steps {
				got = append(got, s.ID)
				if s.Title == "" || s.State == "" {
					t.Errorf("step %s lacks a title or a state: %+v", s.ID, s)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestNothingIsRemovedBeforeItIsDrained(t *testing.T) {
	steps, err := plan.Make(food(), plan.Live{Releases: []plan.Release{{Name: "svc-blue", Components: []string{"svc"}}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	at := func(kind string) int {
		for i, s := range steps {
			if s.Kind == kind {
				return i
			}
		}
		t.Fatalf("no step %s", kind)
		return 0
	}
	if at(plan.Return) > at(plan.Drain) || at(plan.Drain) > at(plan.Remove) {
		t.Errorf("return at %d, drain at %d, remove at %d", at(plan.Return), at(plan.Drain), at(plan.Remove))
	}
}

func TestAnUnknownPhaseIsToldWithTheKnownOnes(t *testing.T) {
	_, err := plan.Make(food(), plan.Live{}, "ful")
	if err == nil || err.Error() != `no phase is called "ful"; did you mean "full"? known are canary, full` {
		t.Errorf("got %v", err)
	}
	if _, err = plan.Make(food(), plan.Live{}, "nothing-like-it"); err == nil || err.Error() != `no phase is called "nothing-like-it"; known are canary, full` {
		t.Errorf("got %v", err)
	}
}
