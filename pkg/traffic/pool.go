package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// pool is the backends among which one rule shares its traffic.
type pool struct {
	shape   List
	rule    steps // the way to the rule
	list    steps // the way to the list of backends
	around  any   // what the rule says beside its backends: matches, filters, time-outs
	group   any   // what its backends have in common, when the list holds those of many rules
	entries []entry
	absent  bool // the list is not there
	single  bool // instead of the list, a backend stands on its own
	even    bool // no backend has a weight, and each gets as much
}

// entry is a backend in its pool.
type entry struct {
	way    steps
	value  any
	slot   slot
	weight steps // the way to its weight
	raw    any   // the weight as it stands there
	has    bool  // whether one does
	share  int64 // what it amounts to
}

// slot is whose Service a backend names.
type slot int

const (
	neither slot = iota
	green
	blue
)

func (s slot) String() string { return [...]string{"neither", "green", "blue"}[s] }

// name is the pool as a person calls it: rule 0.
func (p pool) name() string {
	for i := len(p.list) - 1; i > 0; i-- {
		if isIndex(p.list[i]) {
			return fmt.Sprintf("%s %s", strings.TrimSuffix(p.list[i-1], "s"), p.list[i])
		}
	}
	return p.list.String()
}

// of are the positions of a slot's entries.
func (p pool) of(s slot) []int {
	var positions []int
	for i, e := range p.entries {
		if e.slot == s {
			positions = append(positions, i)
		}
	}
	return positions
}

// named tells whether the pool names a slot.
func (p pool) named() bool { return len(p.of(green))+len(p.of(blue)) > 0 }

// pools finds every rule with backends in an object as the row reads it (see view). What is not of a path's shape has none.
func (r Route) pools(view map[string]any) []pool {
	names := r.names(view)
	var all []pool
	for _, l := range r.Row.Lists {
		for _, place := range within(view, l.Path) {
			all = append(all, r.poolsAt(view, l, place, names)...)
		}
	}
	return all
}

func (r Route) poolsAt(view map[string]any, l List, at place, names func(any) slot) []pool {
	p := pool{shape: l, rule: at.rule, list: at.steps()}
	found, there := along(view, p.list)
	backends, isList := found.([]any)
	p.absent = !there
	if _, fits := missing(view, p.list); there && !isList || !there && !fits {
		return nil
	}
	add := func(way steps, value any) {
		e := entry{way: way, value: value, slot: names(value)}
		e.weight = r.Row.weightWay(e)
		p.entries = append(p.entries, e)
	}
	if l.First != "" {
		if first := at.rule.to(strings.Split(l.First, ".")...); len(first) > 0 {
			if v, ok := along(view, first); ok {
				add(first, v)
			}
		}
	}
	if l.Single != "" && p.absent {
		way := at.rule.to(strings.Split(l.Single, ".")...)
		if v, ok := along(view, way); ok {
			wrapped := map[string]any{}
			put(wrapped, strings.Split(l.As, "."), v)
			p.single = true
			add(way, wrapped)
		}
	}
	for i, b := range backends {
		if !r.Row.aside(b) {
			add(p.list.to(strconv.Itoa(i)), b)
		}
	}
	if len(p.entries) == 0 {
		return nil
	}
	p.around = surroundings(view, l, at)
	var all []pool
	for _, one := range p.split(l.Group) {
		r.Row.weigh(view, &one)
		all = append(all, one)
	}
	return all
}

// weigh reads the weights of a pool's entries.
func (r Row) weigh(view map[string]any, p *pool) {
	p.even = r.Even
	for i := range p.entries {
		e := &p.entries[i]
		e.raw, e.has = along(view, e.weight)
		p.even = p.even && !e.has
	}
	for i := range p.entries {
		e := &p.entries[i]
		switch n, _ := number(e.raw); {
		case r.Lone && len(p.entries) == 1:
			e.share = 100
		case e.has:
			e.share = n
		case p.even:
			e.share = 1
		case !r.Even:
			e.share = r.Absent
		}
	}
}

// split is the pool as one for each group, in the order of their first backends.
func (p pool) split(group string) []pool {
	if group == "" {
		return []pool{p}
	}
	var all []pool
	for _, e := range p.entries {
		key, _ := at(e.value, group)
		i := slices.IndexFunc(all, func(other pool) bool { return equal(other.group, key) })
		if i < 0 {
			one := p
			one.group, one.entries = key, nil
			all, i = append(all, one), len(all)
		}
		all[i].entries = append(all[i].entries, e)
	}
	return all
}

// surroundings is a rule without its backends. A list that is the object's only one of its kind is known by its place.
func surroundings(view map[string]any, l List, at place) any {
	if len(at.rule) == 0 {
		return l.Path
	}
	rule, _ := along(view, at.rule)
	around := copied(rule)
	drop(around, at.below)
	if len(at.below) > 1 { // made with the list
		if rest, ok := along(around, at.below[:len(at.below)-1]); ok && equal(rest, map[string]any{}) && l.Single != "" {
			drop(around, at.below[:len(at.below)-1])
		}
	}
	for _, beside := range []string{l.First, l.Single} {
		if beside != "" {
			drop(around, strings.Split(beside, "."))
		}
	}
	return around
}

// weightWay is where an entry's weight is.
func (r Row) weightWay(e entry) steps {
	if r.Weights == "" {
		return e.way.to(strings.Split(r.Weight, ".")...)
	}
	name, _ := r.service(e.value)
	return steps{"metadata", "annotations", r.Weights, name}
}
