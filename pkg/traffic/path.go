package traffic

import (
	"fmt"
	"strconv"
	"strings"
)

// at is the value at a dotted path within a JSON value, and whether there is one.
func at(v any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// number is a JSON value as a whole number.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), n == float64(int64(n))
	default:
		return 0, false
	}
}

// list is one list of backends in an object.
type list struct {
	steps    []string       // the way to it: spec rules 0 backendRefs
	owner    map[string]any // what holds it: the rule
	backends []any
}

// key is the list's name in its owner.
func (l list) key() string { return l.steps[len(l.steps)-1] }

// pointer is the list as a JSON pointer (RFC 6901).
func (l list) pointer() string {
	var b strings.Builder
	for _, s := range l.steps {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(s))
	}
	return b.String()
}

// path is the list as a person writes it: spec.rules[0].backendRefs.
func (l list) path() string {
	var b strings.Builder
	for i, s := range l.steps {
		switch {
		case isIndex(s):
			b.WriteString("[" + s + "]")
		case i == 0:
			b.WriteString(s)
		default:
			b.WriteString("." + s)
		}
	}
	return b.String()
}

// rule is what holds the list, as a person calls it: rule 0.
func (l list) rule() string {
	for i := len(l.steps) - 1; i > 0; i-- {
		if isIndex(l.steps[i]) {
			return fmt.Sprintf("%s %s", strings.TrimSuffix(l.steps[i-1], "s"), l.steps[i])
		}
	}
	return l.path()
}

func isIndex(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// lists finds every list of backends in an object. What is not of the path's shape holds none.
func (r Row) lists(object map[string]any) []list {
	var found []list
	walk(object, nil, strings.Split(r.Backends, "."), func(l list) { found = append(found, l) })
	return found
}

func walk(owner map[string]any, steps, path []string, visit func(list)) {
	key, each := strings.CutSuffix(path[0], "[*]")
	steps = append(steps[:len(steps):len(steps)], key)
	if len(path) == 1 && !each {
		if backends, ok := owner[key].([]any); ok {
			visit(list{steps, owner, backends})
		}
		return
	}
	if !each {
		if next, ok := owner[key].(map[string]any); ok {
			walk(next, steps, path[1:], visit)
		}
		return
	}
	elements, _ := owner[key].([]any)
	for i, e := range elements {
		if next, ok := e.(map[string]any); ok && len(path) > 1 {
			walk(next, append(steps[:len(steps):len(steps)], strconv.Itoa(i)), path[1:], visit)
		}
	}
}

// names reports whether a backend is the named Service of the route's namespace.
func (r Row) names(backend any, namespace, service string) bool {
	if name, ok := at(backend, r.Service); !ok || name != any(service) {
		return false
	}
	for _, is := range r.Is {
		v, ok := at(backend, is.Path)
		if ok && !is.holds(v, namespace) {
			return false
		}
	}
	return true
}

func (is Is) holds(v any, namespace string) bool {
	for _, want := range is.Values {
		if want == "." {
			want = namespace
		}
		if v == any(want) {
			return true
		}
	}
	return false
}

// weight is a backend's weight, the row's default when it has none.
func (r Row) weight(backend any) int64 {
	v, ok := at(backend, r.Weight)
	if !ok {
		return r.Absent
	}
	n, _ := number(v)
	return n
}
