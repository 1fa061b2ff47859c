package slot

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

func TestEndpointsCatchUpWithPods(t *testing.T) {
	food := map[string]string{"app": "food"}
	pod := func(name string, change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: food},
			Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		}
		change(p)
		return p
	}
	ready := func(*corev1.Pod) {}
	leaving := func(p *corev1.Pod) {
		p.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		p.Finalizers = []string{"x/y"}
	}
	unready := func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }
	for name, tc := range map[string]struct {
		running []runtime.Object
		behind  bool
	}{
		"the new pod is listed":           {[]runtime.Object{pod("new", ready), sliceOf("food", "new", "10.1.0.2")}, false},
		"the new pod is not listed yet":   {[]runtime.Object{pod("new", ready)}, true},
		"only the old one is listed":      {[]runtime.Object{pod("new", ready), sliceOf("food", "old", "10.1.0.1")}, true},
		"one that is leaving is listed":   {[]runtime.Object{pod("old", leaving), sliceOf("food", "old", "10.1.0.1")}, true},
		"an unready one need not be":      {[]runtime.Object{pod("new", ready), pod("late", unready), sliceOf("food", "new", "10.1.0.2")}, false},
		"another service's are no matter": {[]runtime.Object{pod("new", ready), sliceOf("food", "new", "10.1.0.2"), sliceOf("drink", "old", "10.1.0.1")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCluster(append(tc.running, serviceFor("food", nil, food))...).slots(blueprint.Blueprint{})
			all, err := s.client.DiscoveryV1().EndpointSlices("shop").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			behind, err := s.behind(t.Context(), all.Items, []string{"food"})
			if err != nil || (len(behind) > 0) != tc.behind {
				t.Errorf("behind: %q, %v", behind, err)
			}
		})
	}
}

func TestCaughtUpFollowsTheEndpoints(t *testing.T) {
	food := map[string]string{"app": "food"}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "new", Namespace: "shop", Labels: food},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	c := newCluster(pod, serviceFor("food", nil, food))
	s := c.slots(blueprint.Blueprint{})
	done := make(chan error, 1)
	go func() { done <- s.caughtUp(t.Context(), []string{"food"}) }()
	select {
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := c.client.DiscoveryV1().EndpointSlices("shop").Create(t.Context(), sliceOf("food", "new", "10.1.0.2"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal(errors.New("did not see the endpoints"))
	}
	if err := s.caughtUp(t.Context(), []string{"gone"}); err == nil || !strings.Contains(err.Error(), "service shop/gone") {
		t.Errorf("a missing service: %v", err)
	}
}
