package traffic

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// at is the value at a dotted path within a JSON value, and whether there is one.
func at(v any, path string) (any, bool) { return along(v, strings.Split(path, ".")) }

// along is the value at the end of a way of keys and positions.
func along(v any, steps []string) (any, bool) {
	for _, step := range steps {
		switch in := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = in[step]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// put sets a value at a path within a JSON value, and makes the maps on the way there.
func put(v any, steps []string, value any) {
	for i, key := range steps {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if i == len(steps)-1 {
			m[key] = value
			return
		}
		if _, ok := m[key]; !ok {
			m[key] = map[string]any{}
		}
		v = m[key]
	}
}

// drop takes what is at a path out of a JSON value.
func drop(v any, steps []string) {
	if inner, ok := along(v, steps[:len(steps)-1]); ok {
		if m, ok := inner.(map[string]any); ok {
			delete(m, steps[len(steps)-1])
		}
	}
}

// missing is the beginning of a way at which something has to be made for all of it to be there. It is false when
// something else stands in the way.
func missing(v any, way steps) (int, bool) {
	for i := range way {
		inner, ok := along(v, way[:i+1])
		if !ok {
			parent, _ := along(v, way[:i])
			_, isMap := parent.(map[string]any)
			return i + 1, isMap
		}
		if _, isMap := inner.(map[string]any); !isMap && i < len(way)-1 {
			if _, isList := inner.([]any); !isList {
				return 0, false
			}
		}
	}
	return 0, true
}

// size is how much a map or a list holds.
func size(v any) int {
	switch in := v.(type) {
	case map[string]any:
		return len(in)
	case []any:
		return len(in)
	}
	return 0
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

// steps is a way of keys and positions: spec rules 0 backendRefs.
type steps []string

// to is the way on from here. It shares no memory with s.
func (s steps) to(more ...string) steps { return append(s[:len(s):len(s)], more...) }

// pointer is the way as a JSON pointer (RFC 6901).
func (s steps) pointer() string {
	var b strings.Builder
	for _, step := range s {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return b.String()
}

// String is the way as a person writes it: spec.rules[0].backendRefs.
func (s steps) String() string {
	var b strings.Builder
	for i, step := range s {
		switch {
		case isIndex(step), strings.ContainsAny(step, "./"):
			b.WriteString("[" + step + "]")
		case i == 0:
			b.WriteString(step)
		default:
			b.WriteString("." + step)
		}
	}
	return b.String()
}

func isIndex(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// within lists the ways to all that a path with [*] leads to, up to its last key, which need not be there.
func within(object map[string]any, path string) []place {
	var found []place
	expand(object, place{}, strings.Split(path, "."), func(p place) { found = append(found, p) })
	return found
}

// place is where a path leads to in an object: the innermost element that was chosen by [*], and the way on from there.
type place struct {
	rule  steps
	below steps
}

func (p place) steps() steps { return p.rule.to(p.below...) }

func expand(v any, p place, path []string, visit func(place)) {
	if len(path) == 0 {
		visit(p)
		return
	}
	key, each := strings.CutSuffix(path[0], "[*]")
	p.below = p.below.to(key)
	if !each {
		if len(path) == 1 {
			if _, ok := v.(map[string]any); ok {
				visit(p)
			}
			return
		}
		next, ok := at(v, key)
		if m, isMap := next.(map[string]any); ok && isMap {
			expand(m, p, path[1:], visit)
		} else if !strings.Contains(strings.Join(path, "."), "[*]") {
			p.below = p.below.to(path[1:]...) // nothing there yet: the rule is known all the same
			visit(p)
		}
		return
	}
	m, ok := v.(map[string]any)
	if !ok || len(path) == 1 {
		return
	}
	inside := place{rule: p.steps()}
	switch elements := m[key].(type) {
	case []any:
		for i, e := range elements {
			expand(e, place{rule: inside.rule.to(strconv.Itoa(i))}, path[1:], visit)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(elements)) {
			expand(elements[name], place{rule: inside.rule.to(name)}, path[1:], visit)
		}
	}
}
