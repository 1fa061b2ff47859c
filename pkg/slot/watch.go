package slot

import (
	"context"
	"errors"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// watched is the part of the namespace that tells how workloads fare.
type watched struct {
	namespace                               string
	deployments, statefulSets, pods, events cache.SharedIndexInformer
}

// informer follows one kind of object. client-go's ready-made informers are left alone: their factory links every kind
// that Kubernetes has into the binary, a quarter of its size.
func informer[L runtime.Object](of kubernetes.Interface, client lister[L], object runtime.Object, selector fields.Selector) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = selector.String()
			return client.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector.String()
			return client.Watch(ctx, o)
		},
	}, of), object, 0, cache.Indexers{})
}

// lister is what an informer needs of a typed client.
type lister[L runtime.Object] interface {
	List(ctx context.Context, o metav1.ListOptions) (L, error)
	Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error)
}

// watch follows workloads, pods and warnings; changed is called after each change.
func (s *Slots) watch(ctx context.Context, changed func()) (watched, func(), error) {
	ctx, end := context.WithCancelCause(ctx)
	cancel := func() { end(nil) }
	all, warnings := fields.Everything(), fields.OneTermEqualSelector("type", corev1.EventTypeWarning)
	w := watched{
		namespace:    s.namespace,
		deployments:  informer(s.client, s.client.AppsV1().Deployments(s.namespace), &appsv1.Deployment{}, all),
		statefulSets: informer(s.client, s.client.AppsV1().StatefulSets(s.namespace), &appsv1.StatefulSet{}, all),
		pods:         informer(s.client, s.client.CoreV1().Pods(s.namespace), &corev1.Pod{}, all),
		events:       informer(s.client, s.client.CoreV1().Events(s.namespace), &corev1.Event{}, warnings),
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	}
	informers := []cache.SharedIndexInformer{w.deployments, w.statefulSets, w.pods, w.events}
	var failed error
	for _, i := range informers {
		_, err := i.AddEventHandler(handler)
		// Without permission to watch there would be nothing to see until the time is up.
		failed = errors.Join(failed, err, i.SetWatchErrorHandlerWithContext(
			func(_ context.Context, _ *cache.Reflector, err error) {
				if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
					end(err)
				}
			}))
	}
	if failed != nil {
		cancel()
		return w, nil, fmt.Errorf("watch %s: %w", s.namespace, failed)
	}
	var running sync.WaitGroup
	for _, i := range informers {
		running.Go(func() { i.RunWithContext(ctx) })
	}
	stop := func() {
		cancel()
		running.Wait()
	}
	for _, i := range informers {
		if !cache.WaitForCacheSync(ctx.Done(), i.HasSynced) {
			err := ended(ctx, context.Canceled)
			stop()
			return w, nil, fmt.Errorf("watch workloads, pods and events in %s: %w", s.namespace, err)
		}
	}
	return w, stop, nil
}

// see collects what there is to see of workloads, given how they were when the watch began.
func (w watched) see(live []sight) ([]sight, error) {
	var events []corev1.Event
	for _, e := range w.events.GetStore().List() {
		events = append(events, *e.(*corev1.Event))
	}
	var all []sight
	for _, before := range live {
		one, known, err := w.one(before.workload, events)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", before.workload.id(), err)
		}
		if !known || one.workload.Generation < before.workload.Generation {
			one = sight{workload: before.workload} // not in the watch yet
		}
		one.events = events
		for _, p := range w.pods.GetStore().List() {
			pod := *p.(*corev1.Pod)
			selected, err := one.workload.selects(pod)
			if err != nil {
				return nil, err
			}
			if selected {
				one.pods = append(one.pods, pod)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// one is how a workload is now, if the watch knows it.
func (w watched) one(of workload, events []corev1.Event) (one sight, known bool, err error) {
	store := w.deployments.GetStore()
	if of.kind == "StatefulSet" {
		store = w.statefulSets.GetStore()
	}
	found, known, err := store.GetByKey(w.namespace + "/" + of.Name)
	if err != nil || !known {
		return sight{}, false, err
	}
	if set, ok := found.(*appsv1.StatefulSet); ok {
		return seeStatefulSet(set, events), true, nil
	}
	return seeDeployment(found.(*appsv1.Deployment)), true, nil
}
