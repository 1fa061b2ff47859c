package kpi

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Target is one slot of one component, as queries name it.
type Target struct {
	Namespace string // $namespace
	Component string // not for queries
	Service   string // $service: the slot's Service
	Workload  string // $workload: the slot's Deployment or StatefulSet
	Pods      string // $pods: a regular expression of the pods' names; default: as Workload's pods are named
}

// value is what a placeholder stands for; pattern says that it is a regular expression already.
func (t Target) value(name string) (value string, pattern, known bool) {
	switch name {
	case "namespace":
		return t.Namespace, false, true
	case "service":
		return t.Service, false, true
	case "workload":
		return t.Workload, false, true
	case "pods":
		if t.Pods != "" {
			return t.Pods, true, true
		}
		// A Deployment's pods have two more parts, a StatefulSet's one. So "food" never means the pods of "food-blue".
		return regexp.QuoteMeta(t.Workload) + "-(?:[a-z0-9]{1,10}-[a-z0-9]{5}|[0-9]+)", true, true
	}
	return "", false, false
}

// aim puts the target's names in the place of a query's placeholders. They may stand in quotes only, where they are
// escaped: for the quotes, and for a regular expression after =~ and !~.
func (t Target) aim(query string) (string, error) {
	var out strings.Builder
	for _, p := range pieces(query) {
		if p.placeholder == "" {
			out.WriteString(p.text)
			continue
		}
		v, pattern, known := t.value(p.placeholder)
		switch {
		case !known:
			return "", fmt.Errorf("unknown $%s in %q: there are $namespace, $service, $pods and $workload", p.placeholder, query)
		case p.quote == 0:
			return "", fmt.Errorf("$%s stands outside of quotes in %q: write it as in namespace=\"$namespace\"", p.placeholder, query)
		case pattern && !p.regexp:
			return "", fmt.Errorf("$%s is a regular expression: write pod=~\"$%s\" in %q", p.placeholder, p.placeholder, query)
		case p.regexp && !pattern:
			v = regexp.QuoteMeta(v)
		}
		escaped, err := escape(v, p.quote)
		if err != nil {
			return "", fmt.Errorf("$%s in %q: %w", p.placeholder, query, err)
		}
		out.WriteString(escaped)
	}
	return out.String(), nil
}

// slotted says whether a query names something that differs between the slots.
func slotted(query string) bool {
	for _, p := range pieces(query) {
		if p.placeholder != "" && p.placeholder != "namespace" {
			return true
		}
	}
	return false
}

// piece is a part of a query: text, or a placeholder with where it stands.
type piece struct {
	text        string
	placeholder string // without the $
	quote       byte   // the quotes it stands in, 0 for none
	regexp      bool   // those quotes follow =~ or !~
}

var placeholder = regexp.MustCompile(`^\$([a-zA-Z_][a-zA-Z0-9_]*)`)

// pieces takes a query apart. A $ that no name follows is text: the end of a regular expression.
func pieces(query string) []piece {
	var out []piece
	var quote byte
	matching, from := false, 0
	for i := 0; i < len(query); {
		c := query[i]
		switch {
		case c == '$' && placeholder.MatchString(query[i:]):
			name := placeholder.FindStringSubmatch(query[i:])[1]
			out = append(out, piece{text: query[from:i]}, piece{placeholder: name, quote: quote, regexp: matching})
			i += 1 + len(name)
			from = i
			continue
		case quote == 0 && c == '#':
			for i < len(query) && query[i] != '\n' {
				i++
			}
			continue
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			quote = c
			before := strings.TrimRight(query[:i], " \t\r\n")
			matching = strings.HasSuffix(before, "=~") || strings.HasSuffix(before, "!~")
		case quote != 0 && c == quote:
			quote, matching = 0, false
		case quote != 0 && quote != '`' && c == '\\':
			i++ // what follows is escaped
		}
		i++
	}
	return append(out, piece{text: query[from:]})
}

// escape writes a value so that it means itself within these quotes.
func escape(value string, quote byte) (string, error) {
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("%q is not text", value)
	}
	if quote == '`' {
		if strings.ContainsAny(value, "`\r") {
			return "", fmt.Errorf("%q can't stand in backquotes: use double quotes", value)
		}
		return value, nil
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, string(rune(quote)), `\`+string(rune(quote))).Replace(value), nil
}
