package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// blueOf is a copy of green's backend that names blue.
func (e *edit) blueOf(backend any) any {
	c := copied(backend)
	name, path := e.route.Row.service(c)
	if e.route.Row.Via != nil {
		put(c, path, e.alias(name))
	} else {
		put(c, path, e.route.renamed(name, e.route.Green, e.route.Blue))
	}
	for _, path := range e.route.Row.Drop {
		drop(c, strings.Split(path, "."))
	}
	return c
}

// greenOf is a copy of blue's backend that names green; nil when nothing tells by which name.
func (e *edit) greenOf(backend any) any {
	c := copied(backend)
	name, path := e.route.Row.service(c)
	if e.route.Row.Via == nil {
		put(c, path, e.route.renamed(name, e.route.Blue, e.route.Green))
		return c
	}
	for _, view := range []map[string]any{e.now, e.was} {
		for _, known := range e.known(view) {
			if e.route.aliased(known) == green {
				name, _ := at(known, e.route.Row.Via.Name)
				put(c, path, name)
				return c
			}
		}
	}
	return nil
}

// known are the entries of the list that gives Services their names in the object.
func (e *edit) known(view map[string]any) []any {
	listed, _ := at(view, e.route.Row.Via.List)
	entries, _ := listed.([]any)
	return entries
}

func (r Route) aliased(known any) slot { return r.slotOf(known, []string{r.Row.Via.Service}) }

// alias is the name of blue beside green's, which gets into the list when it isn't there yet.
func (e *edit) alias(greens string) string {
	if name, ok := e.aliases[greens]; ok {
		return name
	}
	via, entries := e.route.Row.Via, e.known(e.now)
	byName := func(name string) any {
		i := slices.IndexFunc(entries, func(k any) bool { v, _ := at(k, via.Name); return v == any(name) })
		if i < 0 {
			return nil
		}
		return entries[i]
	}
	name := greens + "-blue"
	for n := 2; byName(name) != nil && e.route.aliased(byName(name)) != blue; n++ {
		name = greens + "-blue-" + strconv.Itoa(n)
	}
	e.aliases[greens] = name
	if byName(name) == nil {
		c := copied(byName(greens))
		put(c, strings.Split(via.Name, "."), name)
		put(c, strings.Split(via.Service, "."), e.route.Blue)
		e.addKnown(c, fmt.Sprintf("%s: new, %s is service %s", via.List, name, e.route.Blue))
	}
	return name
}

func (e *edit) addKnown(entry any, says string) {
	way := steps(strings.Split(e.route.Row.Via.List, ".")).to("-")
	e.ops = append(e.ops, op{"add", way, entry, says})
}

// know sees that a backend's name is in the list, as it was at the launch.
func (e *edit) know(backend any) {
	if e.route.Row.Via == nil {
		return
	}
	via := e.route.Row.Via
	name, _ := e.route.Row.service(backend)
	has := func(known any) bool { v, _ := at(known, via.Name); return v == any(name) }
	if slices.ContainsFunc(e.known(e.now), has) || len(e.known(e.now)) == 0 || e.aliases[name] == name {
		return
	}
	if i := slices.IndexFunc(e.known(e.was), has); i >= 0 {
		e.aliases[name] = name
		e.addKnown(e.known(e.was)[i], fmt.Sprintf("%s: %s is service %s again", via.List, name, e.route.Green))
	}
}

// forget takes blue's names out of the list, those that came with the rollout.
func (e *edit) forget() {
	via := e.route.Row.Via
	if via == nil {
		return
	}
	for i, known := range slices.Backward(e.known(e.now)) {
		name, _ := at(known, via.Name)
		before := slices.ContainsFunc(e.known(e.was), func(k any) bool { v, _ := at(k, via.Name); return equal(v, name) })
		if e.route.aliased(known) == blue && !before {
			way := steps(strings.Split(via.List, ".")).to(strconv.Itoa(i))
			e.ops = append(e.ops, op{"remove", way, nil, fmt.Sprintf("%s: %v removed", way, name)})
		}
	}
}
