package traffic

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// The languages in which rules say what they hold for.
const (
	gatewayMatch = "gateway" // the Gateway API's: a list of matches with headers and queryParams
	kumaMatch    = "kuma"    // the same with header names in lower case
	istioMatch   = "istio"   // a list of matches with maps
	traefikMatch = "traefik" // one expression
	contourMatch = "contour" // a list of conditions, all of which hold
	glooMatch    = "gloo"    // a list of matchers with headers and queryParameters
	apisixMatch  = "apisix"  // a list of expressions, all of which hold
	nginxMatch   = "nginx"   // a list of conditions, all of which hold, that name what they compare
	skipperMatch = "skipper" // a list of predicates, all of which hold
	actionMatch  = "action"  // annotations with an action's conditions
	mappingMatch = "mapping" // fields of an object of blue's beside its twin
	canaryMatch  = "canary"  // annotations of blue's own Ingress
)

// uses are what a match chooses by.
func uses(m blueprint.Match) []string {
	var by []string
	for _, u := range []struct {
		name  string
		given int
	}{{byHeaders, len(m.Headers)}, {byCookies, len(m.Cookies)}, {byQuery, len(m.Query)}, {byLabels, len(m.SourceLabels)}} {
		if u.given > 0 {
			by = append(by, u.name)
		}
	}
	return by
}

// matched lists the changes that put before each rule with green one that holds for chosen requests only and leads to blue.
func (r Route) matched(object map[string]any) (edits, rules []op, err error) {
	if r.Row.Choosing.Match == actionMatch {
		edits, err = r.actionMatched(object)
		return edits, nil, err
	}
	view := r.Row.view(object)
	e := r.edit(object, object)
	for _, p := range slices.Backward(r.pools(view)) {
		greens := p.of(green)
		if len(greens) == 0 {
			continue
		}
		backend := e.blueOf(p.entries[greens[0]].value)
		for _, at := range slices.Backward(r.spots(view, p)) {
			rule, err := r.narrowed(at.around, *r.Choice.Match)
			if err != nil {
				return nil, nil, err
			}
			r.leadTo(rule, backend, p.shape, at.list)
			rules = append(rules, op{"add", at.way, at.listed(rule), fmt.Sprintf("%s: new, chosen requests (%s) to service %s", at.way, told(*r.Choice.Match), r.Blue)})
		}
	}
	if len(rules) == 0 && r.Row.Choosing.Match != canaryMatch {
		return nil, nil, fmt.Errorf("%s: no rule with service %s is one that chooses requests\n  take match: out of the phase, or name the router that does: router: kind/name",
			r, r.Green)
	}
	return e.ops, rules, nil
}

// backwards orders ways to entries of lists so that putting one in, or taking one out, moves none that follows.
func backwards(a, b steps) int {
	position := func(step string) int {
		if step == "-" {
			return math.MaxInt
		}
		n, err := strconv.Atoi(step)
		if err != nil {
			return -1
		}
		return n
	}
	for i := range min(len(a), len(b)) {
		if x, y := position(a[i]), position(b[i]); x != y {
			return cmp.Compare(y, x)
		}
	}
	return 0
}

// leadTo gives a new rule blue's backend, and no other.
func (r Route) leadTo(rule map[string]any, backend any, shape List, list steps) {
	backend = copied(backend)
	if shape.Single != "" {
		alone, _ := at(backend, shape.As)
		put(rule, strings.Split(shape.Single, "."), alone)
		return
	}
	if way := strings.Split(r.Row.Weight, "."); r.Row.Absent > 0 {
		put(backend, way, r.Row.Absent) // what the API server would make of a missing one
	} else {
		drop(backend, way)
	}
	put(rule, list, []any{backend})
}

// unruled lists the changes that take dro's own rules out: those for people with the rollout's cookie, and those that lead
// to blue alone and are what a choice makes of a rule with green. One of the latter that someone edited since is not among
// them; it is dealt with like any other.
func (r Route) unruled(original, object map[string]any) []op {
	if r.Row.Choosing.Match == actionMatch {
		return r.actionUnmatched(object)
	}
	view, was := r.Row.view(object), r.Row.view(original)
	made := append(r.made(view), r.made(was)...)
	var ops []op
	left := map[string]int{} // how many rules a list keeps
	for _, p := range slices.Backward(r.pools(view)) {
		chosen := len(p.of(blue)) == len(p.entries) && slices.ContainsFunc(made, func(rule any) bool { return equal(rule, p.around) })
		if !chosen && !r.staying(p) {
			continue
		}
		list := p.rule[:len(p.rule)-1]
		if _, counted := left[list.pointer()]; !counted {
			rules, _ := along(view, list)
			listed, _ := rules.([]any)
			left[list.pointer()] = len(listed)
		}
		ops = append(ops, op{"remove", p.rule, nil, fmt.Sprintf("%s: removed", p.rule)})
		left[list.pointer()]--
		if _, before := along(was, list); left[list.pointer()] == 0 && !before {
			ops = append(ops, op{"remove", list, nil, fmt.Sprintf("%s: removed", list)})
		}
	}
	return ops
}

// made are the rules that the rollout's choices make of those in an object.
func (r Route) made(view map[string]any) []any {
	var made []any
	for _, p := range r.pools(view) {
		if len(p.of(green)) == 0 {
			continue
		}
		for _, at := range r.spots(view, p) {
			for _, c := range r.Choices {
				if c.Match == nil {
					continue
				}
				if rule, err := r.narrowed(at.around, *c.Match); err == nil {
					made = append(made, rule)
				}
			}
		}
	}
	return made
}

// spot is where a rule for chosen requests goes, and the rule that it is made of.
type spot struct {
	way    steps
	around any
	list   steps // where backends stand in it
	first  bool  // there is no list of such rules yet
}

func (s spot) listed(rule map[string]any) any {
	if s.first {
		return []any{rule}
	}
	return rule
}

// spots are where rules for chosen requests go beside a pool's: before its own, before each that uses its backends, or
// inside it where a rule has cases. There is none where rules have no conditions.
func (r Route) spots(view map[string]any, p pool) []spot {
	switch {
	case !r.conditional(p):
		return nil
	case p.shape.Heirs != "":
		var all []spot
		for _, place := range within(view, p.shape.Heirs) {
			rule, _ := along(view, place.rule)
			if own, _ := along(rule, place.below); own == nil || equal(own, []any{}) {
				all = append(all, spot{way: place.rule, around: rule, list: place.below})
			}
		}
		return all
	case p.shape.Cases != "":
		cases := p.rule.to(p.shape.Cases)
		if _, there := along(view, cases); !there {
			return []spot{{way: cases, around: map[string]any{}, first: true}}
		}
		return []spot{{way: cases.to("-"), around: map[string]any{}}}
	}
	return []spot{{way: p.rule, around: p.around, list: p.list[len(p.rule):]}}
}

// conditional tells whether a pool's rule can have conditions.
func (r Route) conditional(p pool) bool {
	return strings.HasPrefix(p.list.String(), r.Row.Choosing.Within)
}

// narrowed is a rule that holds for fewer requests: the chosen among those that it held for.
func (r Route) narrowed(around any, m blueprint.Match) (map[string]any, error) {
	rule, ok := copied(around).(map[string]any)
	if !ok {
		rule = map[string]any{}
	}
	if err := r.Row.narrow(rule, m); err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	return rule, nil
}

// narrow adds a match to a rule's conditions.
func (r Row) narrow(rule map[string]any, m blueprint.Match) error {
	switch r.Choosing.Match {
	case gatewayMatch:
		delete(rule, "name") // no two rules may have one
		return alternatives(rule, "matches", func(match map[string]any) error {
			return gatewayConditions(match, m, func(name string) string { return name })
		})
	case kumaMatch:
		return alternatives(rule, "matches", func(match map[string]any) error { return gatewayConditions(match, m, strings.ToLower) })
	case istioMatch:
		return alternatives(rule, "match", func(match map[string]any) error { return istioConditions(match, m) })
	case glooMatch:
		delete(rule, "name")
		return alternatives(rule, "matchers", func(match map[string]any) error { return glooConditions(match, m) })
	case traefikMatch:
		return traefikConditions(rule, m)
	case contourMatch:
		return contourConditions(rule, m)
	case apisixMatch:
		return apisixConditions(rule, m)
	case nginxMatch:
		return nginxConditions(rule, m)
	case skipperMatch:
		return skipperConditions(rule, m)
	}
	return errors.New("its rules have no conditions")
}

// alternatives narrows each of a rule's matches, or makes one.
func alternatives(rule map[string]any, key string, narrow func(map[string]any) error) error {
	matches, _ := rule[key].([]any)
	if len(matches) == 0 {
		matches = []any{map[string]any{}}
	}
	var errs []error
	for _, match := range matches {
		if match, ok := match.(map[string]any); ok {
			errs = append(errs, narrow(match))
		}
	}
	rule[key] = matches
	return errors.Join(errs...)
}

// each visits a map in the order of its keys.
func each(m map[string]string, visit func(name, value string)) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		visit(name, m[name])
	}
}

// told is a match in words: header x-tester=yes, cookie beta=1.
func told(m blueprint.Match) string {
	var words []string
	for _, by := range []struct {
		word   string
		wanted map[string]string
	}{{"header", m.Headers}, {"cookie", m.Cookies}, {"query", m.Query}, {"source label", m.SourceLabels}} {
		each(by.wanted, func(name, value string) { words = append(words, by.word+" "+name+"="+value) })
	}
	return strings.Join(words, ", ")
}
