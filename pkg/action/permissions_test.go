package action

import (
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/pkg/traffic"
)

// TestTheDocumentedRoleIsEnough holds docs/permissions.md against what a launch asks for.
func TestTheDocumentedRoleIsEnough(t *testing.T) {
	page, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	var role rbacv1.Role
	if err := yaml.UnmarshalStrict([]byte(text), &role); err != nil {
		t.Fatal(err)
	}
	needs := rolloutNeeds()
	row := traffic.Rows()[0] // the page shows it with HTTPRoutes
	needs = append(needs, permission{row.GVR().GroupResource(), row.Verbs()})
	for _, need := range needs {
		for _, verb := range need.verbs {
			if !slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
				return slices.Contains(r.APIGroups, need.resource.Group) &&
					slices.Contains(r.Resources, need.resource.Resource) && slices.Contains(r.Verbs, verb)
			}) {
				t.Errorf("docs/permissions.md lacks %s %s", verb, need.resource)
			}
		}
	}
}
