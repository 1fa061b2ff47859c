package kpi

import (
	"regexp"
	"strings"
)

// tracked is the expression to sample for a counter. A sum around a plain selector is left out: added up here, series
// by series, a pod that goes away or starts anew is seen as that; in a sum it looks like a counter that runs backwards.
func tracked(query string) string {
	query = strings.TrimSpace(query)
	if m := sum.FindStringSubmatch(query); m != nil {
		if inner := strings.TrimSpace(m[1]); selector(inner) {
			return inner
		}
	}
	return query
}

var (
	sum    = regexp.MustCompile(`(?s)^sum\s*(?:by\s*\([^()]*\)\s*)?\((.*?)\)(?:\s*by\s*\([^()]*\))?$`)
	metric = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	rated  = regexp.MustCompile(`\b(i?rate|increase|i?delta|deriv)\s*\(`)
)

// selector says whether a query is a metric name, label matchers, or both, and nothing else. Its series are counters
// themselves then; of any other expression's, a drop says nothing.
func selector(query string) bool {
	rest := strings.TrimSpace(strings.TrimPrefix(query, metric.FindString(query)))
	if rest == "" {
		return query != ""
	}
	if rest[0] != '{' {
		return false
	}
	bare := unquoted(rest)
	return strings.Count(bare, "{") == 1 && strings.Index(bare, "}") == len(bare)-1
}

// unquoted is a query with its strings and comments left out.
func unquoted(query string) string {
	var out strings.Builder
	var quote byte
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '#':
			for i+1 < len(query) && query[i+1] != '\n' {
				i++
			}
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
