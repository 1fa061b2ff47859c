package traffic

import (
	"encoding/json"
	"fmt"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// op is one operation of a JSON patch (RFC 6902), with its words for a person.
type op struct {
	op    string
	way   steps
	value any
	says  string
}

// MarshalJSON writes the operation as the API server reads it.
func (o op) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"`
	}{o.op, o.way.pointer(), o.value})
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
	e := r.edit(original, object)
	now, was := e.pools()
	var named int
	for i, p := range now {
		if p.named() {
			named++
		}
		if percent > 0 {
			if err := r.refuse(p, was[i] != nil); err != nil {
				return nil, err
			}
		}
		if err := e.split(p, was[i], percent); err != nil {
			return nil, err
		}
	}
	if named == 0 && percent > 0 {
		return nil, fmt.Errorf("%s: nothing in it names service %s any more\n  %s", r, r.Green, edited)
	}
	return e.done()
}

const edited = "someone edited it since the launch; put the service back, or abort the rollout"

// refuse says why a pool can't be split.
func (r Route) refuse(p pool, had bool) error {
	greens := len(p.of(green))
	switch {
	case greens == 0 && (had || len(p.of(blue)) > 0):
		return fmt.Errorf("%s: %s no longer names service %s\n  %s", r, p.name(), r.Green, edited)
	case greens > 1:
		return fmt.Errorf("%s: %s names service %s %d times, so its share is not one weight\n  leave one of them in %s",
			r, p.name(), r.Green, greens, p.list)
	}
	return nil
}

// split makes the changes that give blue percent of what green had in one pool.
func (e *edit) split(p pool, was *pool, percent int) error {
	greens, blues := p.of(green), p.of(blue)
	if len(greens)+len(blues) == 0 {
		return nil
	}
	if len(greens) == 0 { // only at 0 %: someone took green out, and blue is about to go
		e.weigh(p, blues[1:], 0)
		e.replace(p, blues[0], was)
		return nil
	}
	own := own(p, was)
	if own <= 0 { // its owner has switched green off in this rule: blue gets nothing there either
		e.weigh(p, blues, 0)
		return nil
	}
	greenShare, blueShare, err := e.divide(p, greens[0], own, percent)
	if err != nil {
		return err
	}
	switch {
	case len(blues) > 0:
		e.weigh(p, greens[:1], greenShare)
		e.weigh(p, blues[:1], blueShare)
		e.weigh(p, blues[1:], 0)
	case percent > 0: // at 0 blue has nothing here as it is
		e.insert(p, greens[0], greenShare, blueShare)
	}
	return nil
}

// divide is what green and blue get of green's own weight. Alone with blue, they are percentages.
func (e *edit) divide(p pool, at int, own int64, percent int) (greenShare, blueShare int64, err error) {
	others := slices.ContainsFunc(p.entries, func(x entry) bool { return x.slot == neither && x.share != 0 })
	for i, x := range p.entries {
		others = others || x.slot == green && i != at && x.share != 0
	}
	share := int64(percent)
	switch {
	case !others:
		return 100 - share, share, nil
	case p.even && percent > 0:
		return 0, 0, fmt.Errorf("%s: %s: its backends have no weights, so each gets as much, and a weight for one would leave the others with none\n"+
			"  give every backend of the rule a weight, such as 100", e.route, p.name())
	case own%100*share%100 != 0:
		remedy := "multiply every weight of the rule by 100; the shares stay the same"
		if e.route.Row.Total > 0 {
			remedy = "choose a share that divides it without remainder, or let the rule have no other backends"
		}
		return 0, 0, fmt.Errorf("%s: %s: green's weight %d can't be split at %d%% beside other backends\n  %s", e.route, p.name(), own, percent, remedy)
	}
	blueShare = own/100*share + own%100*share/100
	return own - blueShare, blueShare, nil
}

// own is the weight green has by itself: the original's, or what both slots have together in a rule that is new.
func own(p pool, was *pool) int64 {
	if was != nil {
		return was.entries[was.of(green)[0]].share
	}
	var sum int64
	for _, e := range p.entries {
		if e.slot != neither {
			sum += e.share
		}
	}
	return sum
}

// revert lists the changes that make dro's fields in object what they were in to, and leaves everything else.
func (r Route) revert(to, object map[string]any) ([]op, error) {
	e := r.edit(to, object)
	now, was := e.pools()
	for i, p := range now {
		if was[i] != nil && was[i].single && e.unwrap(p, *was[i]) {
			continue
		}
		e.revert(p, was[i])
	}
	e.forget()
	return e.done()
}

func (e *edit) revert(p pool, was *pool) {
	greens, blues := p.of(green), p.of(blue)
	var old []int
	if was != nil {
		old = was.of(blue)
	}
	switch {
	case len(greens) > 0 && was != nil:
		e.weighAs(p.entries[greens[0]], was.entries[was.of(green)[0]])
	case len(greens) > 0 && len(blues) > 0:
		e.weigh(p, greens[:1], own(p, nil))
	case len(blues) > len(old): // green was taken out meanwhile: it gets the place of the blue that goes
		e.replace(p, blues[len(old)], was)
		blues = append(blues[:len(old):len(old)], blues[len(old)+1:]...)
	}
	if was != nil && was.absent && p.only(blue) { // the list came with blue and goes with it
		e.removeList(p)
		return
	}
	for k, i := range slices.Backward(blues) { // from the end, so that the positions before stay valid
		if k < len(old) {
			e.weighAs(p.entries[i], was.entries[old[k]])
		} else {
			e.remove(p, i)
		}
	}
}

// patch is the operations as a JSON patch that only holds for this version of the object: one writer at a time.
func patch(ops []op, resourceVersion string) ([]byte, error) {
	guard := op{op: "test", way: steps{"metadata", "resourceVersion"}, value: resourceVersion}
	return json.Marshal(append([]op{guard}, ops...))
}
