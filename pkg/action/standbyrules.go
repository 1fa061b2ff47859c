package action

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"dro.dev/kubectl-dro/pkg/traffic"
)

// standbyNeeds is what placing a standby takes, beside the rights that it is given: nobody can give what they don't have.
func standbyNeeds() []permission {
	return []permission{
		{schema.GroupResource{Resource: "serviceaccounts"}, []string{"create", "get", "delete"}},
		{schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "roles"}, []string{"create"}},
		{schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}, []string{"create"}},
		{schema.GroupResource{Group: "batch", Resource: "jobs"}, []string{"create"}},
		{schema.GroupResource{Resource: "events"}, []string{"create"}},
	}
}

// standbyRules are the rights of a standby: what any rollout needs, its own lease and routes by name, and the kinds of
// objects that its releases hold.
func standbyRules(lease string, routes []traffic.Route, kinds []schema.GroupResource) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, need := range rolloutNeeds() {
		if need.resource.Resource == "leases" {
			continue // by name, below
		}
		rules = append(rules, rule(need.resource, need.verbs...))
	}
	owned := rule(schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}, "get", "watch", "update")
	owned.ResourceNames = []string{lease}
	rules = append(rules, owned, rule(schema.GroupResource{Resource: "events"}, "create"))
	for _, r := range routes {
		for _, need := range r.Needs() {
			moved := rule(need.Resource, need.Verbs...)
			if need.Name != "" {
				moved.ResourceNames = []string{need.Name}
			}
			rules = append(rules, moved)
		}
	}
	for _, kind := range kinds {
		rules = append(rules, rule(kind, "get", "list", "watch", "create", "update", "patch", "delete"))
	}
	return rules
}

func rule(r schema.GroupResource, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{r.Group}, Resources: []string{r.Resource}, Verbs: verbs}
}

// resources finds the resources of kinds. A kind outside of namespaces is refused: no Role can cover it.
func (c *Cluster) resources(kinds []schema.GroupVersionKind) ([]schema.GroupResource, error) {
	mapper, err := c.Getter.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("ask what kinds of objects the cluster has: %w", err)
	}
	var all []schema.GroupResource
	var outside []string
	for _, kind := range kinds {
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return nil, fmt.Errorf("find the resource of kind %s: %w", kind.Kind, err)
		}
		if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
			outside = append(outside, kind.Kind)
			continue
		}
		if r := mapping.Resource.GroupResource(); !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	if len(outside) > 0 {
		return nil, fmt.Errorf("green's chart holds objects outside of the namespace (%s), which the Role of a standby can't cover",
			strings.Join(outside, ", "))
	}
	return all, nil
}
