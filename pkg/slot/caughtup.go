package slot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// caughtUp waits until the endpoints of Services are the ready pods they select, no fewer and none that is gone.
// A workload's status runs ahead of them by seconds on a busy cluster, and traffic follows the endpoints.
func (s *Slots) caughtUp(ctx context.Context, services []string) error {
	_, behind, err := s.follow(ctx, func(all []discoveryv1.EndpointSlice) ([]string, error) {
		// Pods are read after their endpoints: what the endpoints lack still comes, as a change to watch for.
		return s.behind(ctx, all, services)
	})
	if len(behind) > 0 {
		return fmt.Errorf("the endpoints of service %s in %s are not its ready pods: %w", strings.Join(behind, ", "), s.namespace, err)
	}
	return err
}

// behind names the Services whose endpoints are not their ready pods.
func (s *Slots) behind(ctx context.Context, endpoints []discoveryv1.EndpointSlice, services []string) ([]string, error) {
	pods, err := s.client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list pods in %s: %w", s.namespace, ended(ctx, err))
	}
	var behind []string
	for _, name := range services {
		service, err := s.client.CoreV1().Services(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read service %s/%s: %w", s.namespace, name, ended(ctx, err))
		}
		if len(service.Spec.Selector) > 0 && !maps.Equal(readyEndpoints(endpoints, name), readyPods(pods.Items, service.Spec.Selector)) {
			behind = append(behind, name)
		}
	}
	return behind, nil
}

// readyEndpoints are the pods that a Service's endpoints call ready.
func readyEndpoints(all []discoveryv1.EndpointSlice, service string) map[string]bool {
	found := map[string]bool{}
	for _, slice := range all {
		if slice.Labels[discoveryv1.LabelServiceName] != service {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				found[e.TargetRef.Name] = true
			}
		}
	}
	return found
}

// readyPods are the pods that are ready and not on their way out.
func readyPods(all []corev1.Pod, selector map[string]string) map[string]bool {
	found := map[string]bool{}
	for _, p := range all {
		ready := slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
		if ready && p.DeletionTimestamp == nil && labels.SelectorFromSet(selector).Matches(labels.Set(p.Labels)) {
			found[p.Name] = true
		}
	}
	return found
}
