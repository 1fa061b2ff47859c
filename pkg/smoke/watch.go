package smoke

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// pods is a live view of some pods.
type pods struct {
	store   cache.Store
	changed chan struct{} // something is different since the last look; several changes may count as one
	refused chan error    // the API server doesn't let us look
}

// pods watches what a label selector selects until ctx ends. What breaks in between is tried again.
func (r *Runner) pods(ctx context.Context, selector string) *pods {
	api := r.Client.CoreV1().Pods(r.Namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return api.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return api.Watch(ctx, o)
		},
	}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(source, r.Client), &corev1.Pod{}, 0, cache.Indexers{})
	p := &pods{store: informer.GetStore(), changed: make(chan struct{}, 1), refused: make(chan error, 1)}
	// Neither call fails before the informer runs.
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			put(p.refused, err)
		}
	})
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { put(p.changed, struct{}{}) },
		UpdateFunc: func(any, any) { put(p.changed, struct{}{}) },
		DeleteFunc: func(any) { put(p.changed, struct{}{}) },
	})
	go informer.RunWithContext(ctx)
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			put(p.changed, struct{}{}) // there may be none to tell of
		}
	}()
	return p
}

// put leaves a value unless one is waiting already.
func put[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

// newest is the pod that was made last, or none.
func (p *pods) newest() *corev1.Pod {
	var newest *corev1.Pod
	for _, object := range p.store.List() {
		pod, ok := object.(*corev1.Pod)
		if ok && (newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp)) {
			newest = pod
		}
	}
	return newest
}
