package traffic

import (
	"fmt"
	"regexp"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

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

// nginxConditions compares by patterns: NGINX compares plain text without regard to case.
func nginxConditions(rule map[string]any, m blueprint.Match) {
	conditions, _ := rule["conditions"].([]any)
	for _, by := range []struct {
		kind   string
		wanted map[string]string
	}{{"header", m.Headers}, {"cookie", m.Cookies}, {"argument", m.Query}} {
		each(by.wanted, func(name, value string) {
			conditions = append(conditions, map[string]any{by.kind: name, "value": "~" + whole(value)})
		})
	}
	rule["conditions"] = conditions
}

// skipperConditions gives the rule more weight than a split has: Skipper makes predicates of shares, too, and takes the
// route with the most.
func skipperConditions(rule map[string]any, m blueprint.Match) {
	predicates, _ := rule["predicates"].([]any)
	add := func(format string, values ...any) { predicates = append(predicates, fmt.Sprintf(format, values...)) }
	pattern := func(value string) string { return strings.ReplaceAll(whole(value), "/", `\/`) }
	each(m.Headers, func(name, value string) { add("HeaderRegexp(%q, /%s/)", name, pattern(value)) })
	each(m.Cookies, func(name, value string) { add("Cookie(%q, /%s/)", name, pattern(value)) })
	each(m.Query, func(name, value string) { add("QueryParam(%q, /%s/)", name, pattern(value)) })
	add("Weight(100)")
	rule["predicates"] = predicates
}

// whole is the pattern of exactly this text.
func whole(text string) string { return "^" + regexp.QuoteMeta(text) + "$" }

// cookie is the pattern of a Cookie header with that cookie among others. Some routers compare the whole header with it.
func cookie(name, value string) string {
	return "^(.*; ?)?" + regexp.QuoteMeta(name) + "=" + regexp.QuoteMeta(value) + "(;.*)?$"
}
