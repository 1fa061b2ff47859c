package slot

import (
	"slices"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

func TestUncovered(t *testing.T) {
	policy := func(name string, set map[string]string) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
			Spec: networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: set}}}
	}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "budget", Namespace: "shop"},
		Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "food"}}}}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{networkingv1.SchemeGroupVersion, policyv1.SchemeGroupVersion})
	for _, kind := range []schema.GroupVersionKind{
		{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}, {Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	s := newCluster().slots(blueprint.Blueprint{})
	s.monitors = monitors{
		dynamicfake.NewSimpleDynamicClient(scheme.Scheme, policy("lets-in", map[string]string{"app": "food"}),
			policy("of-others", map[string]string{"app": "web"}), budget),
		func() (meta.RESTMapper, error) { return mapper, nil },
	}
	green := workload{kind: "Deployment", ObjectMeta: metav1.ObjectMeta{Name: "food"}, template: corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "food"}}}}
	c := Component{GreenWorkload: "Deployment/food", BlueWorkload: "Deployment/food-blue"}
	made := deploymentWithService("food-blue", map[string]string{"app": "food-blue"}, nil)
	for name, tc := range map[string]struct {
		more string
		want []string
	}{
		"nothing made":   {"", []string{"NetworkPolicy/lets-in covers green but not blue", "PodDisruptionBudget/budget covers green but not blue"}},
		"its own budget": {"{kind: PodDisruptionBudget, metadata: {name: b}, spec: {selector: {matchLabels: {app: food-blue}}}}", []string{"NetworkPolicy/lets-in covers green but not blue"}},
	} {
		notes, err := s.uncovered(t.Context(), world{workloads: []workload{green}}, c, append(objects(t, tc.more), made...))
		if err != nil || !slices.Equal(notes, tc.want) {
			t.Errorf("%s: notes %q, %v", name, notes, err)
		}
	}
}
