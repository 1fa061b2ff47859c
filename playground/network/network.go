package network

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// DialFunc opens a connection to an address of the made-up network.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Network knows what is behind the made-up addresses and names.
type Network struct {
	mu    sync.RWMutex
	local map[string]string // made-up ip:port → loopback ip:port
	known services
}

// New returns a Network that knows no Services yet; see Follow.
func New() *Network {
	return &Network{local: map[string]string{}, known: noServices{}}
}

// Listen opens a listener that answers at the made-up ip and port until it is closed.
func (n *Network) Listen(ip string, port int) (net.Listener, error) {
	address := joinHostPort(ip, port)
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.local[address]; taken {
		return nil, fmt.Errorf("listen on %s: %w", address, syscall.EADDRINUSE)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen behind %s: %w", address, err)
	}
	n.local[address] = l.Addr().String()
	return &listener{Listener: l, forget: func() { n.forget(address, l.Addr().String()) }}, nil
}

// Map lets the made-up ip and port lead to a loopback address somebody else listens on.
func (n *Network) Map(ip string, port int, loopback string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.local[joinHostPort(ip, port)] = loopback
}

func (n *Network) forget(address, loopback string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.local[address] == loopback {
		delete(n.local, address)
	}
}

// listener takes its made-up address off the network before it stops to accept.
type listener struct {
	net.Listener
	forget func()
}

func (l *listener) Close() error {
	l.forget()
	return l.Listener.Close()
}

// DialContext dials as the cluster itself.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return n.dial(ctx, Asker{}, network, addr)
}

// From returns a DialFunc that looks names up as asker does.
func (n *Network) From(asker Asker) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return n.dial(ctx, asker, network, addr)
	}
}

func (n *Network) dial(ctx context.Context, asker Asker, network, addr string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("dial %s: port %q is not a number", addr, portText)
	}
	n.mu.RLock()
	known := n.known
	n.mu.RUnlock()
	addresses, err := resolve(known, asker, host, port)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	chosen := addresses[rand.IntN(len(addresses))]
	n.mu.RLock()
	loopback, ok := n.local[chosen]
	n.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("dial %s: nothing listens on %s: %w", addr, chosen, syscall.ECONNREFUSED)
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	return d.DialContext(ctx, network, loopback)
}

// Follow watches Services and EndpointSlices until ctx ends. It returns when the first lists have arrived.
func (n *Network) Follow(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	svcs := factory.Core().V1().Services().Informer()
	slices := factory.Discovery().V1().EndpointSlices().Informer()
	if err := svcs.AddIndexers(cache.Indexers{byIP: clusterIPs}); err != nil {
		return fmt.Errorf("index services: %w", err)
	}
	if err := slices.AddIndexers(cache.Indexers{byService: serviceOf}); err != nil {
		return fmt.Errorf("index endpointslices: %w", err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), svcs.HasSynced, slices.HasSynced) {
		return fmt.Errorf("list services and endpointslices: %w", ctx.Err())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = watched{svcs.GetIndexer(), slices.GetIndexer()}
	return nil
}

const (
	byIP      = "ip"
	byService = "service"
)

func clusterIPs(obj any) ([]string, error) {
	svc, ok := obj.(*corev1.Service)
	if !ok || svc.Spec.ClusterIP == corev1.ClusterIPNone {
		return nil, nil
	}
	return svc.Spec.ClusterIPs, nil
}

func serviceOf(obj any) ([]string, error) {
	slice, ok := obj.(*discoveryv1.EndpointSlice)
	if !ok {
		return nil, nil
	}
	return []string{slice.Namespace + "/" + slice.Labels[discoveryv1.LabelServiceName]}, nil
}

// watched answers from the informers' stores.
type watched struct{ services, endpointSlices cache.Indexer }

func (w watched) service(namespace, name string) (*corev1.Service, error) {
	obj, found, err := w.services.GetByKey(namespace + "/" + name)
	if err != nil || !found {
		return nil, err
	}
	return obj.(*corev1.Service), nil
}

func (w watched) serviceByIP(ip string) (*corev1.Service, error) {
	objs, err := w.services.ByIndex(byIP, ip)
	if err != nil || len(objs) == 0 {
		return nil, err
	}
	return objs[0].(*corev1.Service), nil
}

func (w watched) slices(namespace, service string) ([]*discoveryv1.EndpointSlice, error) {
	objs, err := w.endpointSlices.ByIndex(byService, namespace+"/"+service)
	if err != nil {
		return nil, err
	}
	found := make([]*discoveryv1.EndpointSlice, len(objs))
	for i, obj := range objs {
		found[i] = obj.(*discoveryv1.EndpointSlice)
	}
	return found, nil
}

// noServices is the cluster before Follow.
type noServices struct{}

func (noServices) service(string, string) (*corev1.Service, error)             { return nil, nil }
func (noServices) serviceByIP(string) (*corev1.Service, error)                 { return nil, nil }
func (noServices) slices(string, string) ([]*discoveryv1.EndpointSlice, error) { return nil, nil }
