package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// responseFilter is the Gateway API's word for a change to an answer's headers. A backend has one such filter at most.
const responseFilter = "ResponseHeaderModifier"

// cookieName is the same for all of a rollout's routes, so that an mfe meets its own svc where both have one host, and for
// no other rollout's, so that nobody begins on blue who met an earlier one.
func (r Route) cookieName() string { return "dro-" + r.Session }

// stays are the requests of those who met a slot.
func (r Route) stays(s slot) blueprint.Match {
	return blueprint.Match{Cookies: map[string]string{r.cookieName(): s.String()}}
}

// cookied lists the changes by which whoever meets a slot is given a cookie that names it, and is led by that from then on:
// what marks the answers, and a rule for each slot. There is nothing to do where one slot has everybody.
func (r Route) cookied(object map[string]any) (marks, rules []op, err error) {
	view, ruled := r.Row.view(object), false
	e := r.edit(object, object)
	for _, p := range slices.Backward(r.pools(view)) {
		if len(p.of(green)) == 0 || !r.conditional(p) {
			continue
		}
		ruled = true
		if !p.splits() {
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
			way := r.cookieSpot(p)
			rules = append(rules, op{"add", way, rule, fmt.Sprintf("%s: new, who met service %s stays on it", way, r.service(s))})
		}
	}
	if !ruled {
		return nil, nil, fmt.Errorf("%s: no rule with service %s is one for requests, which have cookies\n  take sticky: out of the phase", r, r.Green)
	}
	if len(rules) > 0 {
		err = r.yields(view)
	}
	return e.ops, rules, err
}

// service is a slot's Service.
func (r Route) service(s slot) string {
	if s == blue {
		return r.Blue
	}
	return r.Green
}

// cookieSpot is where a rule for a cookie goes: the first that holds is taken, or else the most particular one, and of
// equals the first, which should not be dro's.
func (r Route) cookieSpot(p pool) steps {
	if r.Row.Choosing.Match == gatewayMatch {
		return p.rule[:len(p.rule)-1].to("-")
	}
	return p.rule
}

// yields is an error where rules for cookies would come before a rule of somebody's that they must not: a gateway compares
// headers before it looks at queries.
func (r Route) yields(view map[string]any) error {
	if r.Row.Choosing.Match != gatewayMatch {
		return nil
	}
	for i, rule := range r.rules(view) {
		matches, _ := at(rule, "matches")
		listed, _ := matches.([]any)
		for _, match := range listed {
			if queries, _ := at(match, "queryParams"); size(queries) > 0 {
				return fmt.Errorf("%s: rule %d is for requests with a query, and people with a cookie would not meet it\n"+
					"  move it to a route of another host, or take sticky: out of the phase", r, i)
			}
		}
	}
	return nil
}

// rules are all of an object's, with and without backends.
func (r Route) rules(view map[string]any) []any {
	listed, _ := at(view, "spec.rules")
	rules, _ := listed.([]any)
	return rules
}

// stayed are a pool's backends for those who met a slot: it has the other slot's share too, and whatever else is there its own.
func (r Route) stayed(p pool, s slot) []any {
	var share int64
	for _, e := range p.entries {
		if e.slot != neither {
			share += e.share
		}
	}
	var backends []any
	weight := strings.Split(r.Row.Weight, ".")
	for _, e := range p.entries {
		backend := copied(e.value)
		if e.slot == s {
			put(backend, weight, share)
		}
		if e.slot == s || e.slot == neither {
			backends = append(backends, backend)
		}
	}
	if len(backends) == 1 && r.Row.Lone {
		drop(backends[0], weight)
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

// staying tells whether a rule is one of dro's for people with a cookie, whatever else somebody has written into it.
func (r Route) staying(p pool) bool {
	if r.Row.Choosing.Sticky != cookieSticky || r.Session == "" || !p.named() {
		return false
	}
	for _, key := range []string{"matches", "match"} {
		matches, _ := at(p.around, key)
		if listed, _ := matches.([]any); len(listed) > 0 {
			return !slices.ContainsFunc(listed, func(match any) bool { return !r.asksCookie(match) })
		}
	}
	return false
}

// asksCookie tells whether a match is for people with the rollout's cookie.
func (r Route) asksCookie(match any) bool {
	headers, _ := at(match, "headers")
	conditions, _ := headers.([]any)
	if named, ok := headers.(map[string]any); ok {
		conditions = []any{named["cookie"]}
	}
	return slices.ContainsFunc(conditions, func(c any) bool {
		for _, key := range []string{"value", "regex"} {
			if v, _ := at(c, key); v == any(cookie(r.cookieName(), green.String())) || v == any(cookie(r.cookieName(), blue.String())) {
				return true
			}
		}
		return false
	})
}

// setCookie is what a slot's answers bring. It ends with the browser's session; the rollout, which alone reads it, ends before.
func (r Route) setCookie(s slot) string {
	return fmt.Sprintf("%s=%s; Path=/; HttpOnly; SameSite=Lax", r.cookieName(), s)
}

// istioCookie is the way to it in a backend of Istio's.
var istioCookie = steps{"headers", "response", "add", "set-cookie"}

// mark lets a backend's answers bring the cookie.
func (e *edit) mark(backend entry) error {
	cookie := e.route.setCookie(backend.slot)
	if e.route.Row.Choosing.Match == istioMatch {
		way := backend.way.to(istioCookie...)
		if _, there := along(e.now, way); there {
			return twiceMarked(way)
		}
		e.add(way, cookie, marked(way))
		return nil
	}
	item := map[string]any{"name": "Set-Cookie", "value": cookie}
	way, i := responseHeaders(e.now, backend)
	if i < 0 {
		e.append(backend.way.to("filters"), map[string]any{"type": responseFilter, "responseHeaderModifier": map[string]any{"add": []any{item}}})
		return nil
	}
	added, _ := along(e.now, way)
	listed, _ := added.([]any)
	if slices.ContainsFunc(listed, func(h any) bool { return same(h, "name", "Set-Cookie") }) {
		return twiceMarked(way)
	}
	e.append(way, item)
	return nil
}

// responseHeaders is the way to the headers that a backend of a gateway's adds to its answers, and the position of the
// filter that does, or -1.
func responseHeaders(view map[string]any, backend entry) (steps, int) {
	listed, _ := along(view, backend.way.to("filters"))
	filters, _ := listed.([]any)
	i := slices.IndexFunc(filters, func(f any) bool { return same(f, "type", responseFilter) })
	return backend.way.to("filters", strconv.Itoa(i), "responseHeaderModifier", "add"), i
}

// append puts something at the end of a list, which it makes when there is none.
func (e *edit) append(way steps, value any) {
	if _, there := along(e.now, way); there {
		e.ops = append(e.ops, op{"add", way.to("-"), value, marked(way)})
		return
	}
	e.add(way, []any{value}, marked(way))
}

func marked(way steps) string {
	return fmt.Sprintf("%s: new, a cookie keeps people on their slot", way)
}

func twiceMarked(way steps) error {
	return fmt.Errorf("%s sets a cookie already, and can set one\n  take it out, or sticky: out of the phase", way)
}

// unmarked lists the changes after which no answer brings the cookie. Nothing empty is left that was not there at the launch.
func (r Route) unmarked(original, object map[string]any) []op {
	if r.Row.Choosing.Sticky != cookieSticky {
		return nil
	}
	e := r.edit(original, object)
	now, was := e.pools()
	for i, p := range now {
		var before any // green's backend at the launch, of which blue's was made
		if w := was[i]; w != nil && len(w.of(green)) > 0 {
			before = w.entries[w.of(green)[0]].value
		}
		for _, backend := range p.entries {
			if backend.slot != neither {
				e.unmark(backend, before)
			}
		}
	}
	return e.ops
}

func (e *edit) unmark(backend entry, before any) {
	way := istioCookie
	if e.route.Row.Choosing.Match == gatewayMatch {
		headers, _ := responseHeaders(e.now, backend)
		added, _ := along(e.now, headers)
		listed, _ := added.([]any)
		i := slices.IndexFunc(listed, func(h any) bool { v, _ := at(h, "value"); return v == any(e.route.setCookie(backend.slot)) })
		way = headers[len(backend.way):].to(strconv.Itoa(i))
	}
	if now, there := along(backend.value, way); !there || way[0] == "headers" && now != any(e.route.setCookie(backend.slot)) {
		return
	}
	gone := backend.way.to(emptied(backend.value, before, way)...)
	e.ops = append(e.ops, op{"remove", gone, nil, fmt.Sprintf("%s: removed", gone)})
}

// emptied is the way to what would be empty without what is at the end of a way, and was not there before. A filter without
// what it is to do is empty.
func emptied(now, before any, way steps) steps {
	for len(way) > 1 {
		parent := way[:len(way)-1]
		in, _ := along(now, parent)
		_, had := along(before, parent)
		filter := same(in, "type", responseFilter) && size(in) == 2
		if had || size(in) > 1 && !filter {
			return way
		}
		way = parent
	}
	return way
}
