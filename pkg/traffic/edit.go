package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// edit gathers the changes to one object.
type edit struct {
	route          Route
	original       map[string]any // as it was at the launch
	object         map[string]any // as it is
	was, now       map[string]any // both as the row reads them
	ops            []op
	aliases        map[string]string // green's name in the list of Via → blue's
	removedWeights map[string]bool
}

func (r Route) edit(original, object map[string]any) *edit {
	return &edit{route: r, original: original, object: object, was: r.Row.view(original), now: r.Row.view(object),
		aliases: map[string]string{}, removedWeights: map[string]bool{}}
}

// pools are the object's rules and what each was. Those that share a list come last first, as an entry that is put in
// or taken out moves all that follow.
func (e *edit) pools() ([]pool, []*pool) {
	now := e.route.pools(e.now)
	was := pair(now, e.route.pools(e.was))
	if slices.ContainsFunc(e.route.Row.Lists, func(l List) bool { return l.Group != "" }) {
		slices.Reverse(now)
		slices.Reverse(was)
	}
	return now, was
}

func (e *edit) add(way steps, value any, says string) {
	if i, ok := missing(e.now, way); ok && i > 0 {
		for _, key := range slices.Backward(way[i:]) {
			value = map[string]any{key: value}
		}
		way = way[:i]
	}
	e.ops = append(e.ops, op{"add", way, value, says}) // add also replaces
}

// weigh sets the weight of the entries at these positions, where it isn't that already.
func (e *edit) weigh(p pool, positions []int, weight int64) {
	for _, i := range positions {
		x := p.entries[i]
		if x.share != weight || x.has && !isNumber(x.raw) || !x.has && e.route.Row.Even {
			e.set(x, weight)
		}
	}
}

// weighAs gives an entry the weight that it had, or none when it had none.
func (e *edit) weighAs(now, was entry) {
	switch {
	case was.has && (!now.has || !equal(was.raw, now.raw)):
		e.set(now, was.raw)
	case !was.has && now.has:
		e.unset(now)
	}
}

func (e *edit) set(x entry, weight any) {
	now := x.raw
	if !x.has {
		now = "absent"
	}
	e.add(x.weight, weight, fmt.Sprintf("%s: %v → %v", x.weight, now, weight))
}

// unset takes an entry's weight out. Several entries may share one.
func (e *edit) unset(x entry) {
	if !x.has || e.removedWeights[x.weight.pointer()] {
		return
	}
	e.removedWeights[x.weight.pointer()] = true
	e.ops = append(e.ops, op{"remove", x.weight, nil, fmt.Sprintf("%s: %v → absent", x.weight, x.raw)})
}

// insert puts blue beside green.
func (e *edit) insert(p pool, at int, greenShare, blueShare int64) {
	row, mine := e.route.Row, p.entries[at]
	backend := e.blueOf(mine.value)
	if row.Weights == "" {
		put(backend, strings.Split(row.Weight, "."), blueShare)
	}
	if p.single {
		kept := copied(mine.value)
		put(kept, strings.Split(row.Weight, "."), greenShare)
		e.add(p.list, []any{kept, backend}, fmt.Sprintf("%s: new, service %s with weight %d and service %s with weight %d, instead of %s",
			p.list, e.route.Green, greenShare, e.route.Blue, blueShare, mine.way))
		e.ops = append(e.ops, op{"remove", mine.way, nil, fmt.Sprintf("%s: removed, it is in %s", mine.way, p.list)})
		return
	}
	e.weigh(p, []int{at}, greenShare)
	position := 0
	if slices.Equal(mine.way[:len(mine.way)-1], p.list) {
		position, _ = strconv.Atoi(mine.way[len(mine.way)-1])
		position++
	}
	way := p.list.to(strconv.Itoa(position))
	says := fmt.Sprintf("%s: new, service %s with weight %d", way, e.route.Blue, blueShare)
	if p.absent {
		e.add(p.list, []any{backend}, says)
	} else {
		e.ops = append(e.ops, op{"add", way, backend, says})
	}
	if row.Weights != "" {
		weight := row.weightWay(entry{value: backend})
		e.add(weight, blueShare, fmt.Sprintf("%s: absent → %d", weight, blueShare))
	}
}

// replace puts green where blue is, as someone took green out.
func (e *edit) replace(p pool, at int, was *pool) {
	var backend any
	if was != nil {
		backend = was.entries[was.of(green)[0]].value
	} else {
		backend = e.greenOf(p.entries[at].value)
		if e.route.Row.Weights == "" {
			put(backend, strings.Split(e.route.Row.Weight, "."), own(p, nil))
		}
	}
	if backend == nil {
		return
	}
	e.know(backend)
	e.ops = append(e.ops, op{"replace", p.entries[at].way, backend,
		fmt.Sprintf("%s: service %s again", p.entries[at].way, e.route.Green)})
}

func (e *edit) remove(p pool, at int) {
	x := p.entries[at]
	e.ops = append(e.ops, op{"remove", x.way, nil, fmt.Sprintf("%s: service %s removed", x.way, e.route.Blue)})
	if e.route.Row.Weights != "" {
		e.unset(x)
	}
}

func (e *edit) removeList(p pool) {
	e.ops = append(e.ops, op{"remove", p.list, nil, fmt.Sprintf("%s: removed with service %s", p.list, e.route.Blue)})
}

// unwrap puts the one backend back that stood on its own, unless others have come to the list meanwhile.
func (e *edit) unwrap(p, was pool) bool {
	if p.single || len(p.of(green)) > 1 || len(p.of(neither)) > 0 || len(p.entries) == 0 {
		return false
	}
	alone := p.rule.to(strings.Split(p.shape.Single, ".")...)
	if _, there := along(e.now, alone); there {
		return false
	}
	value, _ := at(was.entries[0].value, p.shape.As)
	whole := p.list
	for len(whole)-1 > len(p.rule) && !prefixed(alone, whole[:len(whole)-1]) { // what was made for the list goes with it
		parent, _ := along(e.now, whole[:len(whole)-1])
		if m, ok := parent.(map[string]any); !ok || len(m) > 1 {
			break
		}
		whole = whole[:len(whole)-1]
	}
	e.add(alone, value, fmt.Sprintf("%s: service %s again", alone, e.route.Green))
	e.ops = append(e.ops, op{"remove", whole, nil, fmt.Sprintf("%s: removed with service %s", whole, e.route.Blue)})
	return true
}

func prefixed(way, start steps) bool {
	return len(start) <= len(way) && slices.Equal(way[:len(start)], start)
}

// only tells whether the pool's list holds this slot's entries and no others.
func (p pool) only(s slot) bool {
	listed := 0
	for _, e := range p.entries {
		if prefixed(e.way, p.list) {
			if e.slot != s {
				return false
			}
			listed++
		}
	}
	return listed > 0
}

func copied(v any) any {
	if v == nil {
		return nil
	}
	return runtime.DeepCopyJSONValue(v)
}
