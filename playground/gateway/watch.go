package gateway

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwinformers "sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"
)

// Run keeps the table and the statuses up to date until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	core := informers.NewSharedInformerFactoryWithOptions(g.core, 0, informers.WithTransform(slim))
	gateway := gwinformers.NewSharedInformerFactoryWithOptions(g.gateway, 0, gwinformers.WithTransform(slim))
	s := stores{
		classes:    gateway.Gateway().V1().GatewayClasses().Informer(),
		gateways:   gateway.Gateway().V1().Gateways().Informer(),
		routes:     gateway.Gateway().V1().HTTPRoutes().Informer(),
		grants:     gateway.Gateway().V1().ReferenceGrants().Informer(),
		namespaces: core.Core().V1().Namespaces().Informer(),
		services:   core.Core().V1().Services().Informer(),
		slices:     core.Discovery().V1().EndpointSlices().Informer(),
	}
	changed := make(chan struct{}, 1)
	if err := s.notify(changed); err != nil {
		return err
	}
	core.Start(ctx.Done())
	gateway.Start(ctx.Done())
	defer core.Shutdown()
	defer gateway.Shutdown()
	if !cache.WaitForCacheSync(ctx.Done(), s.synced()...) {
		return nil // ctx ended first
	}
	signal(changed)

	w := &writer{gateway: g.gateway, again: changed, latest: make(chan stale, 1)}
	written := make(chan struct{})
	go func() {
		defer close(written)
		w.run(ctx)
	}()
	defer func() { <-written }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			c := compiler{cluster: s.cluster(), address: g.address, now: metav1.NewTime(time.Now().Truncate(time.Second)), seriesOf: g.metrics.of}
			table, old := c.compile()
			g.table.Store(table)
			w.offer(old) // a status is written only after what it says is true
		}
	}
}

func signal(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// stores are the informers' caches.
type stores struct {
	classes, gateways, routes, grants, namespaces, services, slices cache.SharedIndexInformer
}

func (s stores) all() []cache.SharedIndexInformer {
	return []cache.SharedIndexInformer{s.classes, s.gateways, s.routes, s.grants, s.namespaces, s.services, s.slices}
}

func (s stores) notify(changed chan<- struct{}) error {
	for _, informer := range s.all() {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { signal(changed) },
			UpdateFunc: func(any, any) { signal(changed) },
			DeleteFunc: func(any) { signal(changed) },
		}); err != nil {
			return fmt.Errorf("gateway: watch the cluster: %w", err)
		}
	}
	return nil
}

func (s stores) synced() []cache.InformerSynced {
	var out []cache.InformerSynced
	for _, informer := range s.all() {
		out = append(out, informer.HasSynced)
	}
	return out
}

func (s stores) cluster() cluster {
	c := cluster{
		classes:    list[*gwv1.GatewayClass](s.classes),
		gateways:   list[*gwv1.Gateway](s.gateways),
		routes:     list[*gwv1.HTTPRoute](s.routes),
		grants:     list[*gwv1.ReferenceGrant](s.grants),
		namespaces: map[string]map[string]string{},
		services:   map[types.NamespacedName]*corev1.Service{},
		slices:     map[types.NamespacedName][]*discoveryv1.EndpointSlice{},
	}
	for _, n := range list[*corev1.Namespace](s.namespaces) {
		c.namespaces[n.Name] = n.Labels
	}
	for _, svc := range list[*corev1.Service](s.services) {
		c.services[types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}] = svc
	}
	for _, slice := range list[*discoveryv1.EndpointSlice](s.slices) {
		name := types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
		c.slices[name] = append(c.slices[name], slice)
	}
	return c
}

func list[T any](informer cache.SharedIndexInformer) []T {
	objects := informer.GetStore().List()
	out := make([]T, 0, len(objects))
	for _, o := range objects {
		out = append(out, o.(T))
	}
	return out
}

// slim drops from cached objects what the gateway never reads.
func slim(obj any) (any, error) {
	if o, err := meta.Accessor(obj); err == nil {
		o.SetManagedFields(nil)
	}
	return obj, nil
}
