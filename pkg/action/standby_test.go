package action

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/traffic"
)

func TestAStandbyGetsNoMoreThanItNeeds(t *testing.T) {
	row := traffic.Rows()[0]
	rules := standbyRules("dro-food", []traffic.Route{{Row: row, Name: "food"}},
		[]schema.GroupResource{{Group: "autoscaling", Resource: "horizontalpodautoscalers"}})
	find := func(resource string) *rbacv1.PolicyRule {
		i := slices.IndexFunc(rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, resource) })
		if i < 0 {
			return nil
		}
		return &rules[i]
	}
	if r := find("leases"); r == nil || !slices.Equal(r.ResourceNames, []string{"dro-food"}) || slices.Contains(r.Verbs, "create") {
		t.Errorf("its lease: %v", r)
	}
	if r := find(row.GVR().Resource); r == nil || !slices.Equal(r.ResourceNames, []string{"food"}) || !slices.Equal(r.Verbs, []string{"get", "watch", "patch"}) {
		t.Errorf("its route: %v", r)
	}
	if r := find("horizontalpodautoscalers"); r == nil || !slices.Contains(r.Verbs, "delete") {
		t.Errorf("what its releases hold: %v", r)
	}
	for _, r := range rules {
		for _, all := range [][]string{r.Verbs, r.Resources, r.APIGroups} {
			if slices.Contains(all, "*") {
				t.Errorf("a rule for everything: %v", r)
			}
		}
	}
}

func TestWhenALaunchLeaves(t *testing.T) {
	steps := []record.Step{{ID: "isolate", Kind: plan.Isolate}, {ID: "standby", Kind: plan.Standby}, {ID: "shift/canary", Kind: plan.Shift},
		{ID: "keep", Kind: plan.Keep, For: 1}}
	for name, tc := range map[string]struct {
		launch Launch
		steps  []record.Step
		want   string
	}{
		"for the keep window":         {Launch{}, steps, "keep"},
		"at once":                     {Launch{Detach: true}, steps, "shift/canary"},
		"never":                       {Launch{Wait: true}, steps, ""},
		"nothing to wait for":         {Launch{}, []record.Step{{ID: "keep", Kind: plan.Keep}}, ""},
		"a first launch has no phase": {Launch{}, steps[:1], ""},
	} {
		if got := tc.launch.leaveAt(&record.Rollout{Steps: tc.steps}); got != tc.want {
			t.Errorf("%s: it leaves at %q, want %q", name, got, tc.want)
		}
	}
	if err := (&Launch{Detach: true, Wait: true}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "say one of them") {
		t.Errorf("to leave and to stay: %v", err)
	}
}
