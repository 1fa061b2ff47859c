package node

import (
	"context"

	corev1 "k8s.io/api/core/v1"
)

// watchHealth probes c while ctx lasts: the startup probe until it succeeds, then the other two. The channel tells
// when the container is to be ended for its health.
func (p *pod) watchHealth(ctx context.Context, c *container) <-chan struct{} {
	unhealthy := make(chan struct{}, 2)
	t := target{ip: p.ip, ports: c.spec.Ports, dial: p.node.Network.DialContext}
	go func() {
		if c.spec.StartupProbe != nil && !p.awaitStartup(ctx, c, t, unhealthy) {
			return
		}
		if c.spec.LivenessProbe != nil {
			go p.watchLiveness(ctx, c, t, unhealthy)
		}
		if c.spec.ReadinessProbe != nil {
			p.watchReadiness(ctx, c, t)
		}
	}()
	return unhealthy
}

func (p *pod) awaitStartup(ctx context.Context, c *container, t target, unhealthy chan<- struct{}) bool {
	count := tally{}
	t.every(ctx, c.spec.StartupProbe, func(err error) bool {
		count.add(err == nil, c.spec.StartupProbe)
		if err != nil {
			p.unhealthy(c, "Startup", err)
		}
		if !count.holds && count.exhausted(c.spec.StartupProbe) {
			unhealthy <- struct{}{}
			return true
		}
		return count.holds
	})
	if count.holds {
		p.set(c, func(s *state) {
			s.started = true
			s.ready = c.spec.ReadinessProbe == nil
		})
	}
	return count.holds
}

func (p *pod) watchLiveness(ctx context.Context, c *container, t target, unhealthy chan<- struct{}) {
	count := tally{holds: true}
	t.every(ctx, c.spec.LivenessProbe, func(err error) bool {
		count.add(err == nil, c.spec.LivenessProbe)
		if err != nil {
			p.unhealthy(c, "Liveness", err)
		}
		if !count.holds {
			unhealthy <- struct{}{}
		}
		return !count.holds
	})
}

func (p *pod) watchReadiness(ctx context.Context, c *container, t target) {
	count := tally{}
	t.every(ctx, c.spec.ReadinessProbe, func(err error) bool {
		changed := count.add(err == nil, c.spec.ReadinessProbe)
		if err != nil {
			p.unhealthy(c, "Readiness", err)
		}
		if changed {
			p.set(c, func(s *state) { s.ready = count.holds && s.current.Running != nil })
		}
		return false
	})
}

func (p *pod) unhealthy(c *container, probe string, err error) {
	p.event(c, corev1.EventTypeWarning, "Unhealthy", "%s probe failed: %v", probe, err)
}
