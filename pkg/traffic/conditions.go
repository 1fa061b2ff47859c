package traffic

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// twiceError says that a rule would compare the same thing twice, and can't.
func twiceError(what string) error {
	return fmt.Errorf("a rule compares %s once only, and one that leads to green does already, or match: has it twice\n  choose requests by something else", what)
}

// gatewayConditions writes header names as the router wants them.
func gatewayConditions(match map[string]any, m blueprint.Match, header func(string) string) error {
	return errors.Join(
		named(match, "headers", m.Headers, func(name, value string) (string, map[string]any) {
			return header(name), map[string]any{"type": "Exact", "value": value}
		}),
		named(match, "headers", m.Cookies, func(name, value string) (string, map[string]any) {
			return header("Cookie"), map[string]any{"type": "RegularExpression", "value": cookie(name, value)}
		}),
		named(match, "queryParams", m.Query, func(name, value string) (string, map[string]any) {
			return name, map[string]any{"type": "Exact", "value": value}
		}))
}

// named adds to a list whose entries have different names.
func named(match map[string]any, key string, wanted map[string]string, condition func(name, value string) (string, map[string]any)) error {
	var twice error
	each(wanted, func(name, value string) {
		list, _ := match[key].([]any)
		name, entry := condition(name, value)
		if slices.ContainsFunc(list, func(e any) bool { return same(e, "name", name) }) {
			twice = twiceError(key + " " + name)
		}
		entry["name"] = name
		match[key] = append(list, entry)
	})
	return twice
}

// same tells whether an entry has a field with that text, however its letters are written.
func same(entry any, path, text string) bool {
	v, _ := at(entry, path)
	name, is := v.(string)
	return is && strings.EqualFold(name, text)
}

func glooConditions(match map[string]any, m blueprint.Match) error {
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
	return nil
}

// once puts what is not there yet.
func once(object any, way steps, value any) error {
	if _, there := along(object, way); there {
		return twiceError(strings.Join(way, " "))
	}
	put(object, way, value)
	return nil
}

func istioConditions(match map[string]any, m blueprint.Match) error {
	var errs []error
	each(m.Headers, func(name, value string) {
		errs = append(errs, once(match, steps{"headers", strings.ToLower(name)}, map[string]any{"exact": value}))
	})
	each(m.Cookies, func(name, value string) {
		errs = append(errs, once(match, steps{"headers", "cookie"}, map[string]any{"regex": cookie(name, value)}))
	})
	each(m.Query, func(name, value string) {
		errs = append(errs, once(match, steps{"queryParams", name}, map[string]any{"exact": value}))
	})
	each(m.SourceLabels, func(name, value string) { errs = append(errs, once(match, steps{"sourceLabels", name}, value)) })
	return errors.Join(errs...)
}

// mappingConditions are those of a whole object.
func mappingConditions(spec map[string]any, m blueprint.Match) error {
	var errs []error
	each(m.Headers, func(name, value string) { errs = append(errs, once(spec, steps{"headers", name}, value)) })
	each(m.Cookies, func(name, value string) {
		errs = append(errs, once(spec, steps{"regex_headers", "cookie"}, cookie(name, value)))
	})
	each(m.Query, func(name, value string) { errs = append(errs, once(spec, steps{"query_parameters", name}, value)) })
	return errors.Join(errs...)
}

// traefikConditions come just before green's rule. Of rules without a priority Traefik takes the longest, and a longer one
// could come before rules that are more particular than green's.
func traefikConditions(rule map[string]any, m blueprint.Match) error {
	if rule["syntax"] == any("v2") {
		return errors.New("it is written in the language of Traefik 2, which dro does not write\n  take syntax: v2 out, or match: out of the phase")
	}
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
	priority, ok := number(rule["priority"])
	if !ok || priority == 0 {
		priority = int64(len(expression))
	}
	rule["priority"] = priority + 1
	return nil
}

func contourConditions(rule map[string]any, m blueprint.Match) error {
	conditions, _ := rule["conditions"].([]any)
	var errs []error
	add := func(kind, how, name, value string) {
		if slices.ContainsFunc(conditions, func(c any) bool { return same(c, kind+".name", name) }) {
			errs = append(errs, twiceError(kind+" "+name))
		}
		conditions = append(conditions, map[string]any{kind: map[string]any{"name": name, how: value}})
	}
	each(m.Headers, func(name, value string) { add("header", "exact", name, value) })
	each(m.Cookies, func(name, value string) { add("header", "regex", "Cookie", cookie(name, value)) })
	each(m.Query, func(name, value string) { add("queryParameter", "exact", name, value) })
	rule["conditions"] = conditions
	return errors.Join(errs...)
}

func apisixConditions(rule map[string]any, m blueprint.Match) error {
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
	return nil
}

// What NGINX can name and compare. With anything else it refuses the object, and with it every route of the host.
var (
	nginxHeader = regexp.MustCompile(`^[-A-Za-z0-9]+$`)
	nginxParam  = regexp.MustCompile(`^[_A-Za-z0-9]+$`)
	nginxValue  = regexp.MustCompile(`^[^"\\]*$`)
)

// nginxConditions compares by patterns: NGINX compares plain text without regard to case.
func nginxConditions(rule map[string]any, m blueprint.Match) error {
	conditions, _ := rule["conditions"].([]any)
	var errs []error
	for _, by := range []struct {
		kind   string
		wanted map[string]string
		names  *regexp.Regexp
	}{{"header", m.Headers, nginxHeader}, {"cookie", m.Cookies, nginxParam}, {"argument", m.Query, nginxParam}} {
		each(by.wanted, func(name, value string) {
			if !by.names.MatchString(name) || !nginxValue.MatchString(value) {
				errs = append(errs, fmt.Errorf("it can't compare %s %s with %q\n"+
					"  its cookies and query have letters, digits and _ in their names, headers letters, digits and -; no value has quotes or backslashes", by.kind, name, value))
			}
			conditions = append(conditions, map[string]any{by.kind: name, "value": "~" + whole(value)})
		})
	}
	rule["conditions"] = conditions
	return errors.Join(errs...)
}

// skipperConditions gives the rule some weight: Skipper makes predicates of shares, too, and takes the route with the most.
func skipperConditions(rule map[string]any, m blueprint.Match) error {
	predicates, _ := rule["predicates"].([]any)
	add := func(format string, values ...any) { predicates = append(predicates, fmt.Sprintf(format, values...)) }
	each(m.Headers, func(name, value string) { add("HeaderRegexp(%q, %q)", name, whole(value)) })
	each(m.Cookies, func(name, value string) { add("Cookie(%q, %q)", name, whole(value)) })
	each(m.Query, func(name, value string) { add("QueryParam(%q, %q)", name, whole(value)) })
	add("Weight(10)")
	rule["predicates"] = predicates
	return nil
}

// whole is the pattern of exactly this text.
func whole(text string) string { return "^" + regexp.QuoteMeta(text) + "$" }

// cookie is the pattern of a Cookie header with that cookie among others. Some routers compare the whole header with it.
func cookie(name, value string) string {
	return "^(.*; ?)?" + regexp.QuoteMeta(name) + "=" + regexp.QuoteMeta(value) + "(;.*)?$"
}
