package prometheus

import (
	"context"
	"fmt"

	"github.com/prometheus/prometheus/discovery/targetgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// watch sends the targets each time a pod changes, until ctx ends. Changes that come while the last set is
// still being taken are sent as one.
func (s *Server) watch(ctx context.Context, sets chan<- map[string][]*targetgroup.Group) error {
	factory := informers.NewSharedInformerFactoryWithOptions(s.pods, 0, informers.WithTransform(slim))
	pods := factory.Core().V1().Pods()
	changed := make(chan struct{}, 1)
	changed <- struct{}{} // the gateway is a target even when there is no pod
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	}); err != nil {
		return fmt.Errorf("prometheus: watch pods: %w", err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		all, err := pods.Lister().List(labels.Everything())
		if err != nil {
			return fmt.Errorf("prometheus: list pods: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case sets <- targets(s.gateway, all):
		}
	}
}

// slim keeps of a pod only what targets needs.
func slim(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	pod.ManagedFields = nil
	pod.Spec = corev1.PodSpec{Containers: pod.Spec.Containers}
	return pod, nil
}
