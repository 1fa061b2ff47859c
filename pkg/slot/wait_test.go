package slot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWaitFollowsTheWorkload(t *testing.T) {
	c := newCluster(unready())
	s := c.slots(blueprint.Blueprint{})
	var said []string
	err := s.waitFor(t.Context(), []string{"Deployment/food"}, func(line string) {
		said = append(said, line)
		c.ready(t, int32(len(said)))
	})
	if want := []string{"0/2 ready", "1/2 ready", "2/2 ready"}; err != nil || !slices.Equal(said, want) {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestWaitShowsTheLogOfACrash(t *testing.T) {
	pod := podOf(t, "f:2", "{containerStatuses: [{name: c, restartCount: 2, state: {terminated: {exitCode: 3}}}]}")
	pod.Namespace, pod.Labels = "shop", map[string]string{"app": "food"}
	c := newCluster(unready(), &pod)
	err := c.slots(blueprint.Blueprint{}).waitFor(t.Context(), []string{"Deployment/food"}, ignore)
	if err == nil || !strings.Contains(err.Error(), "exit code 3\n  its last words:\n    fake logs") {
		t.Errorf("got %v", err)
	}
}

func TestWaitEnds(t *testing.T) {
	c := newCluster(unready())
	s := c.slots(blueprint.Blueprint{})
	short, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTimeout)
	defer cancel()
	if err := s.waitFor(short, []string{"Deployment/food"}, ignore); !errors.Is(err, errTimeout) ||
		!strings.Contains(err.Error(), "Deployment/food: 0/2 ready") {
		t.Errorf("when the time is up: %v", err)
	}
	interrupt := errors.New("interrupted")
	stopped, stop := context.WithCancelCause(t.Context())
	if err := s.waitFor(stopped, []string{"Deployment/food"}, func(string) { stop(interrupt) }); !errors.Is(err, interrupt) {
		t.Errorf("when interrupted: %v", err)
	}
	if err := s.waitFor(t.Context(), []string{"Deployment/gone"}, ignore); err == nil {
		t.Error("a workload that is not there got ready")
	}
}

// unready is a Deployment that runs none of its two pods.
func unready() *appsv1.Deployment {
	w := foodWorkload("f:2")
	d := w.object.(*appsv1.Deployment)
	d.Namespace, d.Spec.Selector = "shop", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "food"}}
	d.Spec.Template.Labels = map[string]string{"app": "food"}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "f:2"}}
	return d
}

func (c cluster) ready(t *testing.T, n int32) {
	t.Helper()
	d := unready()
	d.Status = appsv1.DeploymentStatus{Replicas: n, UpdatedReplicas: n, AvailableReplicas: n}
	if _, err := c.client.AppsV1().Deployments("shop").UpdateStatus(t.Context(), d, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
}
