package traffic

import "fmt"

// The ways in which a router is told to keep people where they are.
const (
	gatewaySticky = "gateway" // a rule's sessionPersistence, of the experimental channel
	traefikSticky = "traefik" // the cookie of weighted services
	albSticky     = "alb"     // the stickiness of target groups
	cookieSticky  = "cookie"  // a cookie of dro's, and rules that lead by it

	affinitySticky = "affinity" // the cookie of green's Ingress, which a canary shares
)

// stickTime is how long a load balancer of AWS keeps a person on a slot. It has to be told a time; people come back within
// a rollout, and one that is over has one slot.
const stickTime = 24 * 60 * 60

// stuck lists the changes that keep a person on the slot they met first. What is sticky already stays as it is.
func (r Route) stuck(object map[string]any) (edits, rules []op, err error) {
	if r.Row.Choosing.Sticky == cookieSticky {
		return r.cookied(object)
	}
	e := r.edit(object, object)
	for _, p := range r.pools(e.now) {
		if len(p.of(green)) == 0 {
			continue
		}
		way, value := r.session(p)
		now, there := along(e.now, way)
		if on, _ := at(now, "enabled"); on == any(false) {
			return nil, nil, fmt.Errorf("%s: %s switches stickiness off\n  take it out, or sticky: out of the phase", r, way)
		}
		if !there {
			e.ops = append(e.ops, op{"add", way, value, fmt.Sprintf("%s: new, a cookie keeps people on their slot", way)})
		}
	}
	edits, err = e.done()
	return edits, nil, err
}

// unstuck lists the changes that let people go again.
func (r Route) unstuck(original, object map[string]any) ([]op, error) {
	if by := r.Row.Choosing.Sticky; by == "" || by == cookieSticky {
		return nil, nil
	}
	e := r.edit(original, object)
	for _, p := range r.pools(e.now) {
		if !p.named() {
			continue
		}
		way, value := r.session(p)
		if _, had := along(e.was, way); had && r.Row.Choosing.Sticky == albSticky {
			continue // it has no name to be known by
		}
		if now, there := along(e.now, way); there && r.ourSession(now, value) {
			e.ops = append(e.ops, op{"remove", way, nil, fmt.Sprintf("%s: removed", way)})
		}
	}
	return e.done()
}

// session is where and how a pool's stickiness is written.
func (r Route) session(p pool) (steps, map[string]any) {
	name := r.cookieName() + "-" + r.Component // a slot means another service to each component
	switch r.Row.Choosing.Sticky {
	case traefikSticky:
		return p.beside("sticky"), map[string]any{"cookie": map[string]any{"name": name}}
	case albSticky:
		return p.beside("targetGroupStickinessConfig"), map[string]any{"enabled": true, "durationSeconds": int64(stickTime)}
	}
	return p.rule.to("sessionPersistence"), map[string]any{"sessionName": name, "type": "Cookie"}
}

// ourSession compares the names of cookies, as the API server adds defaults to what was written.
func (r Route) ourSession(now any, ours map[string]any) bool {
	for _, path := range []string{"sessionName", "cookie.name"} {
		if name, ok := at(ours, path); ok {
			is, _ := at(now, path)
			return is == name
		}
	}
	return equal(now, ours)
}
