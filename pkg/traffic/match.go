package traffic

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// The languages in which rules say what they hold for.
const (
	gatewayMatch = "gateway" // the Gateway API's: a list of matches with headers and queryParams
	istioMatch   = "istio"   // a list of matches with maps
	traefikMatch = "traefik" // one expression
	contourMatch = "contour" // a list of conditions, all of which hold
	glooMatch    = "gloo"    // a list of matchers with headers and queryParameters
	apisixMatch  = "apisix"  // a list of expressions, all of which hold
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
func (r Route) matched(object map[string]any) ([]op, error) {
	var ops []op
	pools := r.pools(r.Row.view(object))
	e := r.edit(object, object)
	for _, p := range slices.Backward(pools) {
		greens := p.of(green)
		if len(greens) == 0 || !r.conditional(p) {
			continue
		}
		rule, err := r.narrowed(p.around, *r.Choice.Match)
		if err != nil {
			return nil, err
		}
		backend := e.blueOf(p.entries[greens[0]].value)
		switch way := strings.Split(r.Row.Weight, "."); {
		case r.Row.Absent > 0:
			put(backend, way, r.Row.Absent) // what the API server would make of a missing one
		case p.shape.Single != "":
			put(backend, way, int64(100)) // such a list has weights
		default:
			drop(backend, way)
		}
		put(rule, p.list[len(p.rule):], []any{backend})
		ops = append(ops, op{"add", p.rule, rule, fmt.Sprintf("%s: new, chosen requests (%s) to service %s", p.rule, told(*r.Choice.Match), r.Blue)})
	}
	if len(ops) == 0 && r.Row.Choosing.Match != canaryMatch {
		return nil, fmt.Errorf("%s: no rule with service %s is one that chooses requests\n  take match: out of the phase, or name the router that does: router: kind/name",
			r, r.Green)
	}
	return ops, nil
}

// matchRules lists the changes that take dro's own rules out: those that lead to blue alone and are what a choice makes
// of a rule with green. A rule that someone edited since is not among them; it is dealt with like any other.
func (r Route) matchRules(object map[string]any) []op {
	original, err := r.object()
	if err != nil {
		original = nil
	}
	now := r.pools(r.Row.view(object))
	var made []any
	for _, p := range append(slices.Clone(now), r.pools(r.Row.view(original))...) {
		for _, c := range r.Choices {
			if c.Match == nil || len(p.of(green)) == 0 || !r.conditional(p) {
				continue
			}
			if rule, err := r.narrowed(p.around, *c.Match); err == nil {
				made = append(made, rule)
			}
		}
	}
	var ops []op
	for _, p := range slices.Backward(now) {
		if len(p.of(blue)) == len(p.entries) && slices.ContainsFunc(made, func(rule any) bool { return equal(rule, p.around) }) {
			ops = append(ops, op{"remove", p.rule, nil, fmt.Sprintf("%s: removed", p.rule)})
		}
	}
	return ops
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
	switch r.Row.Choosing.Match {
	case gatewayMatch:
		alternatives(rule, "matches", func(match map[string]any) { gatewayConditions(match, m) })
	case istioMatch:
		alternatives(rule, "match", func(match map[string]any) { istioConditions(match, m) })
	case glooMatch:
		alternatives(rule, "matchers", func(match map[string]any) { glooConditions(match, m) })
	case traefikMatch:
		traefikConditions(rule, m)
	case contourMatch:
		contourConditions(rule, m)
	case apisixMatch:
		apisixConditions(rule, m)
	default:
		return nil, fmt.Errorf("%s: its rules have no conditions", r)
	}
	return rule, nil
}

// alternatives narrows each of a rule's matches, or makes one.
func alternatives(rule map[string]any, key string, narrow func(map[string]any)) {
	matches, _ := rule[key].([]any)
	if len(matches) == 0 {
		matches = []any{map[string]any{}}
	}
	for _, match := range matches {
		if match, ok := match.(map[string]any); ok {
			narrow(match)
		}
	}
	rule[key] = matches
}

func gatewayConditions(match map[string]any, m blueprint.Match) {
	add := func(key, kind, name, value string) {
		list, _ := match[key].([]any)
		match[key] = append(list, map[string]any{"type": kind, "name": name, "value": value})
	}
	each(m.Headers, func(name, value string) { add("headers", "Exact", name, value) })
	each(m.Cookies, func(name, value string) { add("headers", "RegularExpression", "Cookie", cookie(name, value)) })
	each(m.Query, func(name, value string) { add("queryParams", "Exact", name, value) })
}

func glooConditions(match map[string]any, m blueprint.Match) {
	if len(match) == 0 {
		match["prefix"] = "/" // a matcher says for which paths it holds
	}
	add := func(key string, condition map[string]any) {
		list, _ := match[key].([]any)
		match[key] = append(list, condition)
	}
	each(m.Headers, func(name, value string) { add("headers", map[string]any{"name": name, "value": value}) })
	each(m.Cookies, func(name, value string) {
		add("headers", map[string]any{"name": "cookie", "value": cookie(name, value), "regex": true})
	})
	each(m.Query, func(name, value string) { add("queryParameters", map[string]any{"name": name, "value": value}) })
}

func istioConditions(match map[string]any, m blueprint.Match) {
	each(m.Headers, func(name, value string) {
		put(match, steps{"headers", strings.ToLower(name)}, map[string]any{"exact": value})
	})
	each(m.Cookies, func(name, value string) {
		put(match, steps{"headers", "cookie"}, map[string]any{"regex": cookie(name, value)})
	})
	each(m.Query, func(name, value string) { put(match, steps{"queryParams", name}, map[string]any{"exact": value}) })
	each(m.SourceLabels, func(name, value string) { put(match, steps{"sourceLabels", name}, value) })
}

func traefikConditions(rule map[string]any, m blueprint.Match) {
	expression, _ := rule["match"].(string)
	conditions := []string{"(" + expression + ")"}
	each(m.Headers, func(name, value string) {
		conditions = append(conditions, fmt.Sprintf("Header(`%s`, `%s`)", name, value))
	})
	each(m.Cookies, func(name, value string) {
		conditions = append(conditions, fmt.Sprintf("HeaderRegexp(`Cookie`, `%s`)", cookie(name, value)))
	})
	each(m.Query, func(name, value string) {
		conditions = append(conditions, fmt.Sprintf("Query(`%s`, `%s`)", name, value))
	})
	rule["match"] = strings.Join(conditions, " && ")
	if priority, ok := number(rule["priority"]); ok && priority > 0 { // else the longer expression comes first
		rule["priority"] = priority + 1
	}
}

func contourConditions(rule map[string]any, m blueprint.Match) {
	conditions, _ := rule["conditions"].([]any)
	add := func(kind, how, name, value string) {
		conditions = append(conditions, map[string]any{kind: map[string]any{"name": name, how: value}})
	}
	each(m.Headers, func(name, value string) { add("header", "exact", name, value) })
	each(m.Cookies, func(name, value string) { add("header", "regex", "Cookie", cookie(name, value)) })
	each(m.Query, func(name, value string) { add("queryParameter", "exact", name, value) })
	rule["conditions"] = conditions
}

func apisixConditions(rule map[string]any, m blueprint.Match) {
	name, _ := rule["name"].(string)
	priority, _ := number(rule["priority"])
	rule["name"], rule["priority"] = name+"-blue", priority+1
	match, ok := rule["match"].(map[string]any)
	if !ok {
		match = map[string]any{}
		rule["match"] = match
	}
	exprs, _ := match["exprs"].([]any)
	for _, by := range []struct {
		scope  string
		wanted map[string]string
	}{{"Header", m.Headers}, {"Cookie", m.Cookies}, {"Query", m.Query}} {
		each(by.wanted, func(name, value string) {
			exprs = append(exprs, map[string]any{"subject": map[string]any{"scope": by.scope, "name": name}, "op": "Equal", "value": value})
		})
	}
	match["exprs"] = exprs
}

// cookie is the pattern of a Cookie header with that cookie among others. Some routers compare the whole header with it.
func cookie(name, value string) string {
	return "^(.*; ?)?" + regexp.QuoteMeta(name) + "=" + regexp.QuoteMeta(value) + "(;.*)?$"
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
