package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"dro.dev/kubectl-dro/playground/network"
	"dro.dev/kubectl-dro/playground/process"
)

// Port is where the node serves the kubelet's API, at its made-up address.
const Port = 10250

const firstRetry = 200 * time.Millisecond

// Options say what a node is. All are needed.
type Options struct {
	Name      string
	Address   string // made-up
	Dir       string // for the pods' files
	API       string // host:port of the API server, for local processes
	Client    kubernetes.Interface
	Catalogue Catalogue
	Entry     Entry // may be nil: no image stands for a program of this machine
	Network   *network.Network
	Reaper    *process.Reaper
	TLS       *tls.Config // for the kubelet's API
	Log       *slog.Logger
}

// Node is the one node of the playground.
type Node struct {
	Options
	life   context.Context // Run's: what a pod does outlives the event that caused it
	now    func() time.Time
	events record.EventRecorder

	mu    sync.Mutex
	pods  map[types.UID]*pod
	count int // pods so far, for the next address
	alive sync.WaitGroup
}

// Run is the node's life. registered is closed when the scheduler can bind pods to it.
func Run(ctx context.Context, o Options, registered chan<- struct{}) error {
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: o.Client.CoreV1().Events("")})
	n := &Node{
		Options: o,
		life:    ctx,
		now:     time.Now,
		events:  broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: o.Name}),
		pods:    map[types.UID]*pod{},
	}
	listener, err := o.Network.Listen(o.Address, Port)
	if err != nil {
		return fmt.Errorf("serve the node's API: %w", err)
	}
	server := &http.Server{Handler: n.api(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(tls.NewListener(listener, o.TLS)) }()

	if err := n.register(ctx); err != nil {
		return err
	}
	if err := n.watch(ctx); err != nil {
		return err
	}
	close(registered)
	go n.beat(ctx)
	err = <-served
	n.alive.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the node's API: %w", err)
}

// watch follows the pods that are bound to this node.
func (n *Node) watch(ctx context.Context) error {
	mine := fields.OneTermEqualSelector("spec.nodeName", n.Name).String()
	factory := informers.NewSharedInformerFactoryWithOptions(n.Client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = mine }))
	pods := factory.Core().V1().Pods().Informer()
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { n.have(obj.(*corev1.Pod)) },
		UpdateFunc: func(_, obj any) { n.have(obj.(*corev1.Pod)) },
		DeleteFunc: func(obj any) {
			if last, missed := obj.(cache.DeletedFinalStateUnknown); missed {
				obj = last.Obj
			}
			n.lost(obj.(*corev1.Pod))
		},
	}); err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), pods.HasSynced) {
		return fmt.Errorf("list pods of node %s: %w", n.Name, ctx.Err())
	}
	return nil
}

// have takes a pod as the API server has it, and begins its life when it is new.
func (n *Node) have(object *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p, known := n.pods[object.UID]; known {
		p.update(object)
		return
	}
	if object.Status.Phase == corev1.PodSucceeded || object.Status.Phase == corev1.PodFailed {
		return // its life was in an earlier run of this node
	}
	wanted, end := context.WithCancel(n.life)
	ip := n.Address
	if !object.Spec.HostNetwork {
		ip = podAddress(n.count)
		n.count++
	}
	p := newPod(n, object, ip, end)
	n.pods[object.UID] = p
	n.alive.Go(func() {
		p.run(n.life, wanted)
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.pods, object.UID)
	})
	p.update(object) // it may be on its way out already
}

// lost ends a pod whose object is gone: nobody waits for it any longer.
func (n *Node) lost(object *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p, known := n.pods[object.UID]; known {
		p.finish(0)
	}
}

// podAddress is the address of the i-th pod. Addresses are not used again soon, so that nothing reaches a pod's successor.
func podAddress(i int) string {
	const perThird, thirds = 254, 254
	return fmt.Sprintf("10.244.%d.%d", 1+i/perThird%thirds, 1+i%perThird)
}

// event records what happened to a pod, or to one of its containers.
func (p *pod) event(c *container, kind, reason, format string, args ...any) {
	if p.node.life.Err() != nil {
		return // the node goes, and with it everything
	}
	ref := &corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: p.object.Namespace, Name: p.object.Name, UID: p.object.UID, ResourceVersion: p.object.ResourceVersion,
	}
	if c != nil {
		ref.FieldPath = "spec.containers{" + c.spec.Name + "}"
	}
	p.node.events.Eventf(ref, kind, reason, format, args...)
}

// retry does something to the API server until it succeeds, ctx ends, or the object is gone. The API server may be
// away for a while.
func retry(ctx context.Context, log *slog.Logger, what string, do func(context.Context) error) {
	for wait := firstRetry; ; wait = min(2*wait, 2*time.Second) {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := do(attempt)
		cancel()
		if err == nil || gone(err) || ctx.Err() != nil {
			return
		}
		log.Warn("trying again", "to", what, "cause", err)
		if !sleep(ctx, wait) {
			return
		}
	}
}

// client reads ConfigMaps and Secrets for a pod.
type client struct {
	kubernetes.Interface
	ctx context.Context
}

func (n *Node) configs(ctx context.Context) configs { return client{n.Client, ctx} }

func (c client) configMap(namespace, name string) (*corev1.ConfigMap, error) {
	return c.CoreV1().ConfigMaps(namespace).Get(c.ctx, name, metav1.GetOptions{})
}

func (c client) secret(namespace, name string) (*corev1.Secret, error) {
	return c.CoreV1().Secrets(namespace).Get(c.ctx, name, metav1.GetOptions{})
}
