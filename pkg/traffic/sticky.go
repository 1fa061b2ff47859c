package traffic

import "fmt"

// The ways in which a router is told to keep people where they are.
const (
	gatewaySticky = "gateway" // a rule's sessionPersistence, of the experimental channel
	traefikSticky = "traefik" // the cookie of weighted services
)

// stuck lists the changes that keep a person on the slot they met first. What is sticky already stays as it is.
func (r Route) stuck(object map[string]any) []op {
	var ops []op
	view := r.Row.view(object)
	for _, p := range r.pools(view) {
		if len(p.of(green)) == 0 {
			continue
		}
		way, value := r.session(p)
		if _, there := along(view, way); !there {
			ops = append(ops, op{"add", way, value, fmt.Sprintf("%s: new, a cookie keeps people on their slot", way)})
		}
	}
	return ops
}

// unstuck lists the changes that let people go again.
func (r Route) unstuck(object map[string]any) []op {
	var ops []op
	view := r.Row.view(object)
	for _, p := range r.pools(view) {
		if !p.named() || r.Row.Choosing.Sticky == "" {
			continue
		}
		way, value := r.session(p)
		if now, there := along(view, way); there && r.ourSession(now, value) {
			ops = append(ops, op{"remove", way, nil, fmt.Sprintf("%s: removed", way)})
		}
	}
	return ops
}

// session is where and how a pool's stickiness is written.
func (r Route) session(p pool) (steps, map[string]any) {
	name := "dro-" + r.Component
	if r.Row.Choosing.Sticky == traefikSticky {
		return p.list[:len(p.list)-1].to("sticky"), map[string]any{"cookie": map[string]any{"name": name}}
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
	return false
}
