package action

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// permission is verbs that a rollout will use on a resource of its namespace.
type permission struct {
	resource schema.GroupResource
	verbs    []string
}

// rolloutNeeds is what every rollout uses, whatever its charts hold. docs/permissions.md shows it as a Role.
func rolloutNeeds() []permission {
	write := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	return []permission{
		{schema.GroupResource{Resource: "secrets"}, []string{"get", "list", "watch", "create", "update", "patch", "delete"}},
		{schema.GroupResource{Resource: "configmaps"}, []string{"get", "list"}},
		{schema.GroupResource{Resource: "services"}, write},
		{schema.GroupResource{Resource: "pods"}, []string{"get", "list", "watch"}},
		{schema.GroupResource{Resource: "pods/log"}, []string{"get"}},
		{schema.GroupResource{Resource: "events"}, []string{"list", "watch"}},
		{schema.GroupResource{Group: "apps", Resource: "deployments"}, write},
		{schema.GroupResource{Group: "apps", Resource: "statefulsets"}, []string{"get", "list", "watch"}},
		{schema.GroupResource{Group: "apps", Resource: "daemonsets"}, []string{"list"}},
		{schema.GroupResource{Group: "apps", Resource: "replicasets"}, []string{"get", "list", "watch"}},
		{schema.GroupResource{Group: "batch", Resource: "jobs"}, []string{"get", "list", "watch", "create", "delete"}},
		{schema.GroupResource{Group: "discovery.k8s.io", Resource: "endpointslices"}, []string{"list", "watch"}},
		{schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}, []string{"get", "watch", "create", "update"}},
	}
}

// allowed asks the API server whether the user may do all of that, and names all that is missing at once.
func (c *Cluster) allowed(ctx context.Context, needs []permission) error {
	var (
		wait    sync.WaitGroup
		mu      sync.Mutex
		missing []string
		failed  error
	)
	for _, need := range needs {
		for _, verb := range need.verbs {
			wait.Go(func() {
				yes, err := c.may(ctx, verb, need.resource)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					failed = err
				case !yes:
					missing = append(missing, verb+" "+need.resource.String())
				}
			})
		}
	}
	wait.Wait()
	if failed != nil {
		return failed
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("you lack permissions in namespace %s: %s\n  nothing was changed; the project's page docs/permissions.md has a Role with all that is needed",
		c.Namespace, strings.Join(missing, ", "))
}

func (c *Cluster) may(ctx context.Context, verb string, r schema.GroupResource) (bool, error) {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: c.Namespace, Verb: verb, Group: r.Group, Resource: resource, Subresource: sub,
		},
	}}
	answer, err := c.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether you may %s %s: %w", verb, r, err)
	}
	return answer.Status.Allowed, nil
}
