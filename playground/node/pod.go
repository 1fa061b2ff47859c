package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"dro.dev/kubectl-dro/playground/network"
)

// pod is the life of one pod on this node.
type pod struct {
	node   *Node
	object *corev1.Pod // as it was first seen
	ip     string
	folder string
	began  metav1.Time
	inits  []*container
	mains  []*container
	dirty  chan struct{} // has room for one: the status is to be written

	mu     sync.Mutex
	latest *corev1.Pod // as the API server has it
	grace  time.Duration
	end    context.CancelFunc // it is no longer wanted
	proxy  string             // its door to the network, for local processes
}

func newPod(n *Node, object *corev1.Pod, ip string, end context.CancelFunc) *pod {
	p := &pod{
		node:   n,
		ip:     ip,
		folder: filepath.Join(n.Dir, "pods", string(object.UID)),
		began:  metav1.NewTime(n.now()),
		dirty:  make(chan struct{}, 1),
		object: object,
		latest: object,
		end:    end,
	}
	waiting := "ContainerCreating"
	if len(object.Spec.InitContainers) > 0 {
		waiting = "PodInitializing"
	}
	for i := range object.Spec.InitContainers {
		p.inits = append(p.inits, newContainer(&object.Spec.InitContainers[i], "PodInitializing"))
	}
	for i := range object.Spec.Containers {
		p.mains = append(p.mains, newContainer(&object.Spec.Containers[i], waiting))
	}
	return p
}

// run is the pod's life. life ends with the node, wanted when the pod is deleted as well.
func (p *pod) run(life, wanted context.Context) {
	sidecars, stopSidecars := context.WithCancel(life)
	reporting, stopReporting := context.WithCancel(life)
	var side, report sync.WaitGroup
	report.Go(func() { p.report(reporting) })
	p.changed()
	if p.mountVolumes(wanted) && p.initialise(wanted, sidecars, &side) {
		var mains sync.WaitGroup
		for _, c := range p.mains {
			mains.Go(func() { p.keep(wanted, c, p.object.Spec.RestartPolicy) })
		}
		mains.Wait()
	}
	stopSidecars()
	side.Wait()
	<-wanted.Done() // a pod that has run to its end stays until it is deleted
	stopReporting()
	report.Wait()
	if life.Err() == nil {
		p.write(life)
		p.remove(life)
	}
	if err := os.RemoveAll(p.folder); err != nil {
		p.node.Log.Error("remove a pod's folder", "pod", p.name(), "cause", err)
	}
}

// initialise runs the init containers one after the other. It answers whether the others may start.
func (p *pod) initialise(wanted, sidecars context.Context, side *sync.WaitGroup) bool {
	for _, c := range p.inits {
		if sidecar(*c.spec) {
			side.Go(func() { p.keep(sidecars, c, corev1.RestartPolicyAlways) })
			select {
			case <-c.up:
			case <-wanted.Done():
				return false
			}
			continue
		}
		policy := p.object.Spec.RestartPolicy
		if policy == corev1.RestartPolicyAlways {
			policy = corev1.RestartPolicyOnFailure
		}
		p.keep(wanted, c, policy)
		if t := p.stateOf(c).current.Terminated; wanted.Err() != nil || t == nil || t.ExitCode != 0 {
			return false
		}
	}
	return true
}

// mountVolumes writes the volumes that containers mount, trying again until it can.
func (p *pod) mountVolumes(wanted context.Context) bool {
	for _, v := range p.object.Spec.Volumes {
		if !p.mounts(v) {
			continue
		}
		for {
			err := p.writeVolume(wanted, v)
			if err == nil {
				break
			}
			p.event(nil, corev1.EventTypeWarning, "FailedMount", "MountVolume.SetUp failed for volume %q : %v", v.Name, err)
			if !sleep(wanted, configRetry) {
				return false
			}
		}
	}
	return wanted.Err() == nil
}

// mounts says whether v is of use here. The service account's token, which every pod has, is not: no program of the
// playground reads it, and writing it would cost each pod two requests.
func (p *pod) mounts(v corev1.Volume) bool {
	if v.Projected != nil {
		for _, source := range v.Projected.Sources {
			if source.ServiceAccountToken != nil {
				return false
			}
		}
	}
	for _, c := range p.containers() {
		for _, m := range c.spec.VolumeMounts {
			if m.Name == v.Name {
				return true
			}
		}
	}
	return false
}

func (p *pod) containers() []*container { return slices.Concat(p.inits, p.mains) }

func (p *pod) volumes() string { return filepath.Join(p.folder, "volumes") }

func (p *pod) writeVolume(ctx context.Context, v corev1.Volume) error {
	files, err := volumeContent(p.object.Namespace, v, p.node.configs(ctx))
	if err != nil {
		return err
	}
	folder := filepath.Join(p.volumes(), v.Name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	inside, err := os.OpenRoot(folder) // a key's path must not lead out of the volume
	if err != nil {
		return err
	}
	defer func() { _ = inside.Close() }() // only a handle of the folder
	for path, text := range files {
		if err := inside.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := inside.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// door is the proxy through which the pod's local processes reach the network.
func (p *pod) door(life context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proxy != "" {
		return p.proxy, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the pod's proxy: %w", err)
	}
	asker := network.Asker{Namespace: p.object.Namespace, HostAliases: p.object.Spec.HostAliases}
	go func() {
		if err := network.ServeProxy(life, l, p.node.Network.From(asker)); err != nil {
			p.node.Log.Error("a pod's proxy", "pod", p.name(), "cause", err)
		}
	}()
	p.proxy = "http://" + l.Addr().String()
	return p.proxy, nil
}

// update takes what the API server has now.
func (p *pod) update(object *corev1.Pod) {
	p.mu.Lock()
	before := p.latest
	p.latest = object
	p.mu.Unlock()
	if object.DeletionTimestamp != nil {
		seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
		if object.DeletionGracePeriodSeconds != nil {
			seconds = *object.DeletionGracePeriodSeconds
		}
		p.finish(time.Duration(seconds) * time.Second)
		return
	}
	if before.Generation != object.Generation || gatesOpen(before) != gatesOpen(object) {
		p.changed()
	}
}

// finish ends the pod. Only the first call sets the grace period.
func (p *pod) finish(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		p.grace = grace
		p.end()
		p.end = nil
	}
}

// gracePeriod is how long a container has to end: as the deletion said, or as the pod says. None when the node goes.
func (p *pod) gracePeriod() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch seconds := p.object.Spec.TerminationGracePeriodSeconds; {
	case p.node.life.Err() != nil:
		return 0
	case p.end == nil:
		return p.grace
	case seconds != nil:
		return time.Duration(*seconds) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}

func (p *pod) name() string { return p.object.Namespace + "/" + p.object.Name }

// changed has the status written soon.
func (p *pod) changed() {
	select {
	case p.dirty <- struct{}{}:
	default: // it will be written anyway
	}
}

// set changes what is known of c.
func (p *pod) set(c *container, change func(*state)) {
	p.mu.Lock()
	change(&c.state)
	p.mu.Unlock()
	p.changed()
}

func (p *pod) stateOf(c *container) state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.state
}

// report writes the status whenever it changed.
func (p *pod) report(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.dirty:
			p.write(ctx)
		}
	}
}

// write writes the status as it is now, unless the API server has that already.
func (p *pod) write(ctx context.Context) {
	retry(ctx, p.node.Log, "write status of pod "+p.name(), func(ctx context.Context) error {
		p.mu.Lock()
		object := p.latest
		status := podStatus(object, facts{
			ip: p.ip, hostIP: p.node.Address, began: p.began, now: metav1.NewTime(p.node.now()),
			inits: states(p.inits), mains: states(p.mains), before: object.Status.Conditions,
		})
		p.mu.Unlock()
		if equality.Semantic.DeepEqual(status, object.Status) {
			return nil
		}
		patch, err := statusPatch(object.UID, status)
		if err != nil {
			return err
		}
		written, err := p.node.Client.CoreV1().Pods(object.Namespace).Patch(ctx, object.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.latest == object {
			p.latest = written // so that the next write compares with this one
		}
		return nil
	})
}

// statusPatch replaces what the node knows and leaves conditions alone that others report. The addresses are lists that
// would be merged, and an earlier run of this node may have left some.
func statusPatch(uid types.UID, status corev1.PodStatus) ([]byte, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	replace := map[string]any{"$patch": "replace"}
	fields["podIPs"] = []any{replace, map[string]any{"ip": status.PodIP}}
	fields["hostIPs"] = []any{replace, map[string]any{"ip": status.HostIP}}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": uid}, "status": fields})
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return patch, nil
}

func states(containers []*container) []state {
	all := make([]state, len(containers))
	for i, c := range containers {
		all[i] = c.state
	}
	return all
}

// remove takes the object of a pod that has ended off the API server.
func (p *pod) remove(ctx context.Context) {
	retry(ctx, p.node.Log, "delete pod "+p.name(), func(ctx context.Context) error {
		return p.node.Client.CoreV1().Pods(p.object.Namespace).Delete(ctx, p.object.Name, metav1.DeleteOptions{
			GracePeriodSeconds: new(int64(0)),
			Preconditions:      &metav1.Preconditions{UID: &p.object.UID},
		})
	})
}

// gone says that an object, or this incarnation of it, is no more, so that nothing is left to write.
func gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }
