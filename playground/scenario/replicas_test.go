package scenario

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// noRouter launches with green's Service alone: blue's share is that of its pods, and follows them when they change.
func noRouter(t *testing.T, c *cluster) {
	const ns = "food-pods"
	c.green(t, ns)
	c.scale(t, ns, greenSlot, 3)
	before := c.service(t, ns, greenSlot)
	text := `
id: foodsvc-v2
images:
  - {mfe: food-delivery, tag: "2.1.0", router: replicas}
phases:
  - {name: canary, traffic: 1%, hold: 1s}
  - {name: half, traffic: 50%, hold: 10m}
  - {name: full, traffic: 100%, hold: 2s}
keep: 0s
`
	c.say(t, ns, 0, "25% instead of 1%", "plan", save(t, text))
	l := c.launch(t, ns, text)
	l.until(t, "traffic.shifted")
	l.until(t, "traffic.shifted")
	c.settled(t, ns)
	c.measured(t, ns, 50)

	had := c.addresses(t, ns, blueSlot)
	c.replaceOne(t, ns, blueSlot)
	eventually(t, "the share follows blue's pods", func() (bool, string) {
		now, mixed := c.addresses(t, ns, blueSlot), c.addresses(t, ns, greenSlot)
		kept := slices.DeleteFunc(slices.Clone(mixed), func(a string) bool { return !slices.Contains(now, a) })
		return len(now) == 3 && !slices.Equal(now, had) && slices.Equal(kept, now), fmt.Sprintf("green's service has %v, blue's %v", mixed, now)
	})

	requests := c.load(t, ns, 50, greenSlot)
	c.say(t, ns, 0, "promoted", "promote", "foodsvc", "--full")
	l.end(t, 0)
	if by := served(t, requests, ""); by[blueTag] == 0 {
		t.Errorf("nobody met %s: %v", blueTag, by)
	}
	c.serves(t, ns, blueTag, greenSlot)
	if after := c.service(t, ns, greenSlot); !equality.Semantic.DeepEqual(before.Spec, after.Spec) {
		t.Errorf("green's service was %+v and is %+v", before.Spec, after.Spec)
	}
	if left := c.addresses(t, ns, greenSlot); len(left) != 3 {
		t.Errorf("it leads to %v, want green's three pods", left)
	}
}

func (c *cluster) scale(t *testing.T, ns, deployment string, pods int) {
	t.Helper()
	_, err := c.client.AppsV1().Deployments(ns).Patch(t.Context(), deployment, types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, pods), metav1.PatchOptions{})
	must(t, "scale "+deployment, err)
	eventually(t, deployment+" is reachable", func() (bool, string) { return c.reachable(t, ns, deployment) })
}

// replaceOne deletes a pod of a Service, for which its Deployment makes another.
func (c *cluster) replaceOne(t *testing.T, ns, service string) {
	t.Helper()
	pods, err := c.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{
		LabelSelector: metav1.FormatLabelSelector(metav1.SetAsLabelSelector(c.service(t, ns, service).Spec.Selector)),
	})
	must(t, "list pods", err)
	if len(pods.Items) == 0 {
		t.Fatalf("service %s has no pods", service)
	}
	must(t, "delete a pod", c.client.CoreV1().Pods(ns).Delete(t.Context(), pods.Items[0].Name, metav1.DeleteOptions{}))
}

func (c *cluster) service(t *testing.T, ns, name string) *corev1.Service {
	t.Helper()
	s, err := c.client.CoreV1().Services(ns).Get(t.Context(), name, metav1.GetOptions{})
	must(t, "read service "+name, err)
	return s
}

// addresses are those of a Service's endpoints that are ready, in order.
func (c *cluster) addresses(t *testing.T, ns, service string) []string {
	t.Helper()
	all, err := c.endpoints(t, ns, service)
	must(t, "list endpointslices", err)
	slices.Sort(all)
	return all
}
