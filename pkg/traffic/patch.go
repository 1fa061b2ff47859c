package traffic

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// op is one operation of a JSON patch (RFC 6902), with its words for a person.
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
	says  string
}

// slots are the positions of green and blue in a list of backends.
func (r Route) slots(l list) (greens, blues []int) {
	for i, b := range l.backends {
		switch {
		case r.Row.names(b, r.Namespace, r.Green):
			greens = append(greens, i)
		case r.Row.names(b, r.Namespace, r.Blue):
			blues = append(blues, i)
		}
	}
	return greens, blues
}

// object decodes the route as it was found.
func (r Route) object() (map[string]any, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(r.Original, &object); err != nil {
		return nil, fmt.Errorf("%s: read the original kept in the record: %w", r, err)
	}
	return object, nil
}

// shift lists the changes that give blue percent of green's traffic in object, which was original at the launch.
// At 0 it finds a way with whatever it meets, as nothing may stand between green and its traffic.
func (r Route) shift(original, object map[string]any, percent int) ([]op, error) {
	now := r.Row.lists(object)
	was := r.pair(now, r.Row.lists(original))
	var ops []op
	var named int
	for i, l := range now {
		greens, blues := r.slots(l)
		if len(greens)+len(blues) > 0 {
			named++
		}
		if percent > 0 {
			if err := r.refuse(l, greens, blues, was[i] != nil); err != nil {
				return nil, err
			}
		}
		change, err := r.split(l, was[i], percent)
		if err != nil {
			return nil, err
		}
		ops = append(ops, change...)
	}
	if named == 0 && percent > 0 {
		return nil, fmt.Errorf("%s: nothing in it names service %s any more\n  %s", r, r.Green, edited)
	}
	return ops, nil
}

const edited = "someone edited it since the launch; put the service back, or abort the rollout"

// refuse says why a list can't be split.
func (r Route) refuse(l list, greens, blues []int, had bool) error {
	switch {
	case len(greens) == 0 && (had || len(blues) > 0):
		return fmt.Errorf("%s: %s no longer names service %s\n  %s", r, l.rule(), r.Green, edited)
	case len(greens) > 1:
		return fmt.Errorf("%s: %s names service %s %d times, so its share is not one weight\n  leave one of them in %s",
			r, l.rule(), r.Green, len(greens), l.path())
	}
	return nil
}

// split lists the changes that give blue percent of what green had in one list.
func (r Route) split(l list, was *list, percent int) ([]op, error) {
	greens, blues := r.slots(l)
	if len(greens)+len(blues) == 0 {
		return nil, nil
	}
	if len(greens) == 0 { // only at 0 %: someone took green out, and blue is about to go
		return append(r.weigh(l, blues[1:], 0), r.replace(l, blues[0], r.greenOf(l, was, blues[0]))), nil
	}
	own, others := r.own(l, was), false
	for i, b := range l.backends {
		if i != greens[0] && !r.Row.names(b, r.Namespace, r.Blue) && r.Row.weight(b) != 0 {
			others = true
		}
	}
	if own <= 0 { // its owner has switched green off in this rule: blue gets nothing there either
		return r.weigh(l, blues, 0), nil
	}
	green, blue := int64(100-percent), int64(percent)
	if others {
		p := int64(percent)
		if own%100*p%100 != 0 {
			return nil, fmt.Errorf("%s: %s: green's weight %d can't be split at %d%% beside other backends\n"+
				"  multiply every weight of the rule by 100; the shares stay the same", r, l.rule(), own, percent)
		}
		blue = own/100*p + own%100*p/100
		green = own - blue
	}
	ops := r.weigh(l, greens[:1], green)
	if len(blues) > 0 {
		return append(append(ops, r.weigh(l, blues[:1], blue)...), r.weigh(l, blues[1:], 0)...), nil
	}
	if percent == 0 {
		return nil, nil // blue has nothing here as it is
	}
	return append(ops, r.insert(l, greens[0]+1, r.renamed(l.backends[greens[0]], r.Blue, blue))), nil
}

// own is the weight green has by itself: the original's, or what both slots have together in a rule that is new.
func (r Route) own(l list, was *list) int64 {
	var sum int64
	if was != nil {
		greens, _ := r.slots(*was)
		return r.Row.weight(was.backends[greens[0]])
	}
	greens, blues := r.slots(l)
	for _, i := range append(greens, blues...) {
		sum += r.Row.weight(l.backends[i])
	}
	return sum
}

// revert lists the changes that make dro's fields in object what they were in to, and leaves everything else.
func (r Route) revert(to, object map[string]any) []op {
	now := r.Row.lists(object)
	was := r.pair(now, r.Row.lists(to))
	var ops []op
	for i, l := range now {
		greens, blues := r.slots(l)
		var oldBlues []int
		if was[i] != nil {
			_, oldBlues = r.slots(*was[i])
		}
		switch {
		case len(greens) > 0 && was[i] != nil:
			old, _ := r.slots(*was[i])
			ops = append(ops, r.weightAs(l, greens[0], was[i].backends[old[0]])...)
		case len(greens) > 0 && len(blues) > 0:
			ops = append(ops, r.weigh(l, greens[:1], r.own(l, nil))...)
		case len(blues) > len(oldBlues): // green was taken out meanwhile: it gets the place of the blue that goes
			ops = append(ops, r.replace(l, blues[len(oldBlues)], r.greenOf(l, was[i], blues[len(oldBlues)])))
			blues = append(blues[:len(oldBlues):len(oldBlues)], blues[len(oldBlues)+1:]...)
		}
		for k := len(blues) - 1; k >= 0; k-- { // from the end, so that the positions before stay valid
			if k < len(oldBlues) {
				ops = append(ops, r.weightAs(l, blues[k], was[i].backends[oldBlues[k]])...)
			} else {
				ops = append(ops, op{Op: "remove", Path: l.pointer() + "/" + strconv.Itoa(blues[k]),
					says: fmt.Sprintf("%s[%d]: service %s removed", l.path(), blues[k], r.Blue)})
			}
		}
	}
	return ops
}

// weigh sets the weight of the backends at these positions, where it isn't that already.
func (r Route) weigh(l list, positions []int, weight int64) []op {
	var ops []op
	for _, i := range positions {
		if v, there := at(l.backends[i], r.Row.Weight); r.Row.weight(l.backends[i]) != weight || there && !isNumber(v) {
			ops = append(ops, r.set(l, i, weight))
		}
	}
	return ops
}

// weightAs gives the backend at a position the weight of another, or none when that has none.
func (r Route) weightAs(l list, i int, other any) []op {
	old, had := at(other, r.Row.Weight)
	now, has := at(l.backends[i], r.Row.Weight)
	switch {
	case had && (!has || !equal(old, now)):
		return []op{r.set(l, i, old)}
	case !had && has:
		return []op{{Op: "remove", Path: r.weightPointer(l, i),
			says: fmt.Sprintf("%s[%d].%s: %v → absent", l.path(), i, r.Row.Weight, now)}}
	}
	return nil
}

func (r Route) set(l list, i int, weight any) op {
	now, has := at(l.backends[i], r.Row.Weight)
	if !has {
		now = "absent"
	}
	return op{Op: "add", Path: r.weightPointer(l, i), Value: weight, // add also replaces
		says: fmt.Sprintf("%s[%d].%s: %v → %v", l.path(), i, r.Row.Weight, now, weight)}
}

func (r Route) weightPointer(l list, i int) string {
	return l.pointer() + "/" + strconv.Itoa(i) + "/" + strings.ReplaceAll(r.Row.Weight, ".", "/")
}

func (r Route) insert(l list, i int, backend any) op {
	return op{Op: "add", Path: l.pointer() + "/" + strconv.Itoa(i), Value: backend,
		says: fmt.Sprintf("%s[%d]: new, service %s with weight %d", l.path(), i, r.Blue, r.Row.weight(backend))}
}

func (r Route) replace(l list, i int, backend any) op {
	return op{Op: "replace", Path: l.pointer() + "/" + strconv.Itoa(i), Value: backend,
		says: fmt.Sprintf("%s[%d]: service %s again, with weight %d", l.path(), i, r.Green, r.Row.weight(backend))}
}

// greenOf is green's backend as it was, or blue's under green's name when nothing is known of it.
func (r Route) greenOf(l list, was *list, blue int) any {
	if was != nil {
		greens, _ := r.slots(*was)
		return was.backends[greens[0]]
	}
	return r.renamed(l.backends[blue], r.Green, r.own(l, nil))
}

// renamed is a copy of a backend that names another Service and has another weight.
func (r Route) renamed(backend any, service string, weight int64) any {
	c := runtime.DeepCopyJSONValue(backend)
	put(c, r.Row.Service, service)
	put(c, r.Row.Weight, weight)
	return c
}

func put(v any, path string, value any) {
	keys := strings.Split(path, ".")
	for i, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		if i == len(keys)-1 {
			m[key] = value
			return
		}
		if _, ok := m[key]; !ok {
			m[key] = map[string]any{}
		}
		v = m[key]
	}
}

// patch is the operations as a JSON patch that only holds for this version of the object: one writer at a time.
func patch(ops []op, resourceVersion string) ([]byte, error) {
	guard := op{Op: "test", Path: "/metadata/resourceVersion", Value: resourceVersion}
	return json.Marshal(append([]op{guard}, ops...))
}
