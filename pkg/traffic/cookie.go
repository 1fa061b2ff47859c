package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// cookieName is the same for all of a rollout's routes, so that an mfe meets its own svc where both have one host, and for
// no other rollout's, so that nobody begins on blue who met an earlier one.
func (r Route) cookieName() string { return "dro-" + r.Session }

// cookied lists the changes by which whoever meets a slot is given a cookie that names it, and is led by that from then on:
// what marks the answers, and the rules before those with green. There is nothing to do where one slot has everybody.
func (r Route) cookied(object map[string]any) (marks, rules []op, err error) {
	view, ruled := r.Row.view(object), false
	e := r.edit(object, object)
	for _, p := range slices.Backward(r.pools(view)) {
		if len(p.of(green)) == 0 || !r.conditional(p) {
			continue
		}
		if ruled = true; !p.splits() {
			continue
		}
		for _, s := range []slot{green, blue} {
			if err := e.mark(p.entries[p.of(s)[0]]); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", r, err)
			}
			rule, err := r.narrowed(p.around, r.stays(s))
			if err != nil {
				return nil, nil, err
			}
			put(rule, p.list[len(p.rule):], r.stayed(p, s))
			rules = append(rules, op{"add", p.rule, rule, fmt.Sprintf("%s: new, who met service %s stays on it", p.rule, map[slot]string{green: r.Green, blue: r.Blue}[s])})
		}
	}
	if !ruled {
		return nil, nil, fmt.Errorf("%s: no rule with service %s is one for requests, which have cookies\n  take sticky: out of the phase", r, r.Green)
	}
	return e.ops, rules, nil
}

// stays are the requests of those who met a slot.
func (r Route) stays(s slot) blueprint.Match {
	return blueprint.Match{Cookies: map[string]string{r.cookieName(): s.String()}}
}

// stayed are a pool's backends for those who met a slot: it has the other slot's share too, and whatever else is there its own.
func (r Route) stayed(p pool, s slot) []any {
	var backends []any
	var share int64
	weight := strings.Split(r.Row.Weight, ".")
	for _, e := range p.entries {
		if e.slot != neither {
			share += e.share
		}
		if e.slot == neither || e.slot == s {
			backends = append(backends, copied(e.value))
		}
	}
	for _, b := range backends {
		switch {
		case r.slotOf(b, r.Row.Service) != s:
		case len(backends) == 1 && r.Row.Lone:
			drop(b, weight)
		default:
			put(b, weight, share)
		}
	}
	return backends
}

// splits tells whether both slots have a share.
func (p pool) splits() bool {
	shares := map[slot]int64{}
	for _, e := range p.entries {
		shares[e.slot] += e.share
	}
	return shares[green] > 0 && shares[blue] > 0
}

// mark lets a backend's answers bring the cookie.
func (e *edit) mark(backend entry) error {
	way, value := e.route.cookieMark(backend)
	says := fmt.Sprintf("%s: new, a cookie keeps people on their slot", way)
	listed, there := along(e.now, way)
	if e.route.Row.Choosing.Match == istioMatch {
		if there {
			return twiceMarked(way)
		}
		e.add(way, value, says)
		return nil
	}
	filters, _ := listed.([]any)
	switch {
	case slices.ContainsFunc(filters, func(f any) bool { return same(f, "type", responseFilter) }):
		return twiceMarked(way)
	case there:
		e.ops = append(e.ops, op{"add", way.to("-"), value, says})
	default:
		e.ops = append(e.ops, op{"add", way, []any{value}, says})
	}
	return nil
}

func twiceMarked(way steps) error {
	return fmt.Errorf("%s changes the answers' headers already, which a backend can do once\n  take that out, or sticky: out of the phase", way)
}

// responseFilter is the Gateway API's word for a change to an answer's headers.
const responseFilter = "ResponseHeaderModifier"

// cookieMark is where and how a backend is told to give its slot's cookie to whom it answers. It ends with the browser's
// session; the rollout, which alone reads it, ends before.
func (r Route) cookieMark(backend entry) (steps, any) {
	cookie := fmt.Sprintf("%s=%s; Path=/; HttpOnly; SameSite=Lax", r.cookieName(), backend.slot)
	if r.Row.Choosing.Match == istioMatch {
		return backend.way.to("headers", "response", "add", "set-cookie"), cookie
	}
	return backend.way.to("filters"), map[string]any{"type": responseFilter,
		"responseHeaderModifier": map[string]any{"add": []any{map[string]any{"name": "Set-Cookie", "value": cookie}}}}
}

// unmarked lists the changes after which no answer brings the cookie. Nothing empty is left that was not there at the launch.
func (r Route) unmarked(original, object map[string]any) []op {
	e := r.edit(original, object)
	for _, p := range r.pools(e.now) {
		for _, backend := range p.entries {
			if backend.slot == neither {
				continue
			}
			way, value := r.cookieMark(backend)
			now, _ := along(e.now, way)
			if filters, listed := now.([]any); listed {
				i := slices.IndexFunc(filters, func(f any) bool { return equal(f, value) })
				if i < 0 {
					continue
				}
				way = way.to(strconv.Itoa(i))
			} else if !equal(now, value) {
				continue
			}
			way = e.emptied(way, backend.way)
			e.ops = append(e.ops, op{"remove", way, nil, fmt.Sprintf("%s: removed", way)})
		}
	}
	return e.ops
}

// emptied is the way to what would be empty without what is at the end of a way, and was not there at the launch.
func (e *edit) emptied(way, within steps) steps {
	for len(way)-1 > len(within) {
		parent := way[:len(way)-1]
		if _, had := along(e.was, parent); had || size(e.now, parent) > 1 {
			return way
		}
		way = parent
	}
	return way
}

// size is how much a map or a list holds.
func size(v any, way steps) int {
	switch in, _ := along(v, way); in := in.(type) {
	case map[string]any:
		return len(in)
	case []any:
		return len(in)
	}
	return 0
}
