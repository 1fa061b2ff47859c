package node

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
)

const (
	pullNoticed = time.Second     // between ErrImagePull and ImagePullBackOff
	configRetry = 2 * time.Second // before a missing ConfigMap or Secret is looked for again
)

// container is one container of a pod; pod.mu guards what changes.
type container struct {
	spec     *corev1.Container
	up       chan struct{} // closed when it has started for the first time
	state    state
	log      *logs // of this run
	previous *logs // of the one before
}

func newContainer(spec *corev1.Container, reason string) *container {
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	return &container{spec: spec, up: make(chan struct{}), state: state{current: waiting}}
}

// keep runs c again and again, as policy says, until ctx ends.
func (p *pod) keep(ctx context.Context, c *container, policy corev1.RestartPolicy) {
	for crashes := 0; ; {
		if !p.pull(ctx, c) {
			return
		}
		run, ok := p.create(ctx, c)
		if !ok {
			return
		}
		began := p.node.now()
		code := p.attend(ctx, c, run)
		if ctx.Err() != nil || !again(policy, code) {
			return
		}
		if p.node.now().Sub(began) >= forgiven {
			crashes = 0
		}
		crashes++
		if !p.waitAfterCrash(ctx, c, crashBackOff(crashes)) {
			return
		}
	}
}

// pull waits until c's image is there, which for one that nobody has is never.
func (p *pod) pull(ctx context.Context, c *container) bool {
	if p.roleOf(c) != unknown {
		return ctx.Err() == nil
	}
	image := c.spec.Image
	cause := fmt.Sprintf("rpc error: code = NotFound desc = failed to resolve reference %q: not found", image)
	for failures := 1; ; failures++ {
		p.event(c, corev1.EventTypeNormal, "Pulling", "Pulling image %q", image)
		p.event(c, corev1.EventTypeWarning, "Failed", "Failed to pull image %q: %s", image, cause)
		p.event(c, corev1.EventTypeWarning, "Failed", "Error: ErrImagePull")
		p.waiting(c, "ErrImagePull", cause)
		if !sleep(ctx, pullNoticed) {
			return false
		}
		p.event(c, corev1.EventTypeNormal, "BackOff", "Back-off pulling image %q", image)
		p.event(c, corev1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
		p.waiting(c, "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", image, cause))
		if !sleep(ctx, backOff(failures)) {
			return false
		}
	}
}

func (p *pod) roleOf(c *container) role {
	if _, ok := p.node.entry(c.spec); ok {
		return command
	}
	_, known := p.node.Catalogue(c.spec.Image)
	return cast(c.spec, known)
}

// create starts c, waiting for the ConfigMaps and Secrets it needs.
func (p *pod) create(ctx context.Context, c *container) (running, bool) {
	for {
		if ctx.Err() != nil {
			return nil, false
		}
		env, err := environment(p.asPod(), c.spec, p.node.configs(ctx))
		if err == nil {
			p.event(c, corev1.EventTypeNormal, "Pulled", "Container image %q already present on machine", c.spec.Image)
			return p.start(c, env), true
		}
		p.event(c, corev1.EventTypeWarning, "Failed", "Error: %v", err)
		p.waiting(c, "CreateContainerConfigError", err.Error())
		if !sleep(ctx, configRetry) {
			return nil, false
		}
	}
}

// asPod is the pod with the addresses that only the node knows.
func (p *pod) asPod() *corev1.Pod {
	object := p.object.DeepCopy()
	object.Status.PodIP, object.Status.HostIP = p.ip, p.node.Address
	return object
}

// start starts c in its role, with a log of its own. What keeps it from starting is a run that ended at once.
func (p *pod) start(c *container, env map[string]string) running {
	output := newLogs(p.node.now)
	p.mu.Lock()
	if c.log != nil {
		c.previous = c.log
		c.state.restarts++
	}
	c.log = output
	c.state.id = "playground://" + string(uuid.NewUUID())
	p.mu.Unlock()
	p.event(c, corev1.EventTypeNormal, "Created", "Container created")
	var run running
	var err error
	if p.roleOf(c) == handler {
		run, err = p.startHandler(c, env, output)
	} else {
		run, err = p.startCommand(c, env, output)
	}
	if err != nil {
		fmt.Fprintln(output, err)
		return failed()
	}
	p.event(c, corev1.EventTypeNormal, "Started", "Container started")
	return run
}

// attend probes a run of c until it ends, or ends it, and returns the exit code.
func (p *pod) attend(ctx context.Context, c *container, run running) int {
	began := metav1.NewTime(p.node.now())
	p.set(c, func(s *state) {
		s.current = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}
		s.started = c.spec.StartupProbe == nil
		s.ready = s.started && c.spec.ReadinessProbe == nil
	})
	select {
	case <-c.up:
	default:
		close(c.up)
	}
	probing, stopProbing := context.WithCancel(ctx)
	defer stopProbing()
	unhealthy := p.watchHealth(probing, c)
	var code int
	select {
	case code = <-run.ended():
	case <-unhealthy:
		p.event(c, corev1.EventTypeNormal, "Killing", "Container %s failed liveness probe, will be restarted", c.spec.Name)
		run.stop(p.gracePeriod())
		code = <-run.ended()
	case <-ctx.Done():
		p.event(c, corev1.EventTypeNormal, "Killing", "Stopping container %s", c.spec.Name)
		p.preStop(c)
		run.stop(p.gracePeriod())
		code = <-run.ended()
	}
	p.ended(c, run, code, began)
	return code
}

// ended notes how a run of c came out.
func (p *pod) ended(c *container, run running, code int, began metav1.Time) {
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	if _, never := run.(neverRan); never {
		reason = "StartError"
	}
	p.set(c, func(s *state) {
		s.last = corev1.ContainerState{} // a present end takes the place of an earlier one
		s.current = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: int32(code), Reason: reason, StartedAt: began, FinishedAt: metav1.NewTime(p.node.now()), ContainerID: s.id,
		}}
		s.ready, s.started = false, false
		if err := c.log.Close(); err != nil {
			p.node.Log.Error("close a container's log", "pod", p.name(), "cause", err)
		}
	})
}

// waitAfterCrash holds c back for as long as the kubelet would.
func (p *pod) waitAfterCrash(ctx context.Context, c *container, wait time.Duration) bool {
	message := fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", wait, c.spec.Name, p.object.Name, p.object.Namespace, p.object.UID)
	p.set(c, func(s *state) {
		s.last = s.current
		if wait > 0 {
			s.current = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: message}}
		}
	})
	if wait > 0 {
		p.event(c, corev1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)", c.spec.Name, p.object.Name, p.object.Namespace, p.object.UID)
	}
	return sleep(ctx, wait)
}

func (p *pod) waiting(c *container, reason, message string) {
	p.set(c, func(s *state) {
		s.current = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	})
}

// sleep waits, and answers false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
