package traffic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Choice is who goes to blue beside its share of everybody: chosen requests, people who were there before, copies.
type Choice struct {
	Match  *blueprint.Match `json:"match,omitempty"`
	Sticky bool             `json:"sticky,omitempty"`
	Mirror int              `json:"mirror,omitempty"` // the share of requests of which blue gets a copy
}

func (c Choice) empty() bool { return c.Match == nil && !c.Sticky && c.Mirror == 0 }

// Choosing is how a router's rules are told who goes to blue. What is empty it can't do.
type Choosing struct {
	Match  string   `json:"match,omitempty"`  // the language of its conditions
	By     []string `json:"by,omitempty"`     // what requests are chosen by
	Within string   `json:"within,omitempty"` // the lists whose rules have conditions; all when empty
	Mirror string   `json:"mirror,omitempty"`
	Sticky string   `json:"sticky,omitempty"`
}

// What requests can be chosen by.
const (
	byHeaders = "headers"
	byCookies = "cookies"
	byQuery   = "query"
	byLabels  = "sourceLabels"
)

// Choose says for routes whom a phase leads to blue, and keeps with them whom other phases do: by that a later process
// knows dro's rules from others. A route whose router can't is an error.
func Choose(routes []Route, rows []Row, all []Choice) ([]Route, error) {
	chosen := slices.Clone(routes)
	for i := range chosen {
		for _, c := range all {
			if err := chosen[i].able(rows, c); err != nil {
				return nil, err
			}
			if !c.empty() {
				chosen[i].Choices = append(slices.Clone(chosen[i].Choices), c)
			}
		}
	}
	return chosen, nil
}

// able says why a route can't be told a choice, and which routers can.
func (r Route) able(rows []Row, c Choice) error {
	lacks := func(what string, can func(Row) bool) error {
		if can(r.Row) {
			return nil
		}
		var able []string
		for _, row := range rows {
			if can(row) {
				able = append(able, row.Name)
			}
		}
		return fmt.Errorf("%s: its router can't %s\n  routers that can: %s", r, what, strings.Join(able, ", "))
	}
	if c.Match != nil {
		for _, by := range uses(*c.Match) {
			if err := lacks("choose requests by "+by, func(row Row) bool { return slices.Contains(row.Choosing.By, by) }); err != nil {
				return err
			}
		}
		if r.Row.Choosing.Match == canaryMatch {
			if err := canaryable(r, *c.Match); err != nil {
				return err
			}
		}
	}
	if c.Sticky {
		if err := lacks("keep a person on one slot (sticky)", func(row Row) bool { return row.Choosing.Sticky != "" }); err != nil {
			return err
		}
		if r.Row.Choosing.Sticky == affinitySticky {
			if err := affine(r); err != nil {
				return err
			}
		}
	}
	if m := c.Match; m != nil && c.Sticky && r.Row.Choosing.Sticky == cookieSticky && r.Row.Choosing.Match == gatewayMatch && len(m.Headers)+len(m.Cookies) == 0 {
		return fmt.Errorf("%s: a gateway asks for cookies before it looks at queries, so who stays on %s would not be chosen\n"+
			"  choose by a header or a cookie as well, or take sticky: out of the phase", r, r.Green)
	}
	if c.Mirror > 0 && c.Sticky && r.Row.Choosing.Sticky == cookieSticky {
		return fmt.Errorf("%s: who stays on %s by a cookie would not be copied to blue\n  take mirror:, or sticky:, out of the phase", r, r.Green)
	}
	if c.Mirror > 0 {
		return lacks("copy requests to blue (mirror)", func(row Row) bool { return row.Choosing.Mirror != "" })
	}
	return nil
}

// layered makes a change to the object without dro's choices in it, and puts the route's present choice over the result.
// All of it is one write, and none when nothing would change.
func (r Route) layered(object map[string]any, change func(clean map[string]any) ([]op, error)) ([]op, error) {
	if len(r.Choices) == 0 && r.Choice.empty() {
		return change(object)
	}
	clean, ops, err := r.bare(object)
	if err != nil {
		return nil, err
	}
	changes, err := change(clean)
	if err != nil {
		return nil, err
	}
	after, err := applied(clean, changes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	chosen, err := r.chosen(after)
	if err != nil {
		return nil, err
	}
	ops = append(append(ops, changes...), chosen...)
	result, err := applied(object, ops)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	if equal(result, object) {
		return nil, nil
	}
	return ops, nil
}

// layeredShift is shift with the route's choice.
func (r Route) layeredShift(original, object map[string]any, percent int) ([]op, error) {
	return r.layered(object, func(clean map[string]any) ([]op, error) { return r.shift(original, clean, percent) })
}

// layeredRevert is revert without any choice.
func (r Route) layeredRevert(to, object map[string]any) ([]op, error) {
	r.Choice = Choice{}
	was, _, err := r.bare(to)
	if err != nil {
		return nil, err
	}
	return r.layered(object, func(clean map[string]any) ([]op, error) { return r.revert(was, clean) })
}

// bare is the object without dro's choices, and the changes that lead there.
func (r Route) bare(object map[string]any) (map[string]any, []op, error) {
	if len(r.Choices) == 0 {
		return object, nil, nil
	}
	original, err := r.object()
	if err != nil {
		return nil, nil, err
	}
	ops, err := r.unstuck(original, object)
	if err != nil {
		return nil, nil, err
	}
	clean, err := applied(object, ops)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r, err)
	}
	for _, undo := range []func(original, object map[string]any) []op{r.unmirrored, r.unruled, r.unmarked} {
		next := undo(original, clean)
		if clean, err = applied(clean, next); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r, err)
		}
		ops = append(ops, next...)
	}
	return clean, ops, nil
}

// chosen lists the changes that put the route's present choice into an object without any. Rules come last, the last
// of them first, as they move what follows; chosen requests are asked for before cookies are.
func (r Route) chosen(object map[string]any) ([]op, error) {
	var ops, rules []op
	if r.Choice.Mirror > 0 {
		mirror, err := r.mirrored(object)
		if err != nil {
			return nil, err
		}
		ops = append(ops, mirror...)
	}
	if r.Choice.Sticky {
		stuck, leading, err := r.stuck(object)
		if err != nil {
			return nil, err
		}
		ops, rules = append(ops, stuck...), append(rules, leading...)
	}
	if r.Choice.Match != nil {
		matched, leading, err := r.matched(object)
		if err != nil {
			return nil, err
		}
		ops, rules = append(ops, matched...), append(rules, leading...)
	}
	if err := r.roomFor(rules, object); err != nil {
		return nil, err
	}
	slices.SortStableFunc(rules, func(a, b op) int { return backwards(a.way, b.way) })
	return append(ops, rules...), nil
}

// roomFor is an error when an object may not have that many rules more.
func (r Route) roomFor(rules []op, object map[string]any) error {
	if len(rules) == 0 || r.Row.Rules == 0 {
		return nil
	}
	way := rules[0].way[:len(rules[0].way)-1]
	listed, _ := along(object, way)
	if has := size(listed); has+len(rules) > r.Row.Rules {
		return fmt.Errorf("%s: %s may have %d rules, and has %d; the phase's match: or sticky: would add %d\n"+
			"  move rules that don't lead to %s to another route, or take match: or sticky: out of the phase", r, way, r.Row.Rules, has, len(rules), r.Green)
	}
	return nil
}

// applied is the object after changes.
func applied(object map[string]any, ops []op) (map[string]any, error) {
	if len(ops) == 0 {
		return object, nil
	}
	text, err := json.Marshal(ops)
	if err != nil {
		return nil, fmt.Errorf("write the changes: %w", err)
	}
	doc, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("write the object: %w", err)
	}
	decoded, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", err)
	}
	if doc, err = decoded.Apply(doc); err != nil {
		return nil, fmt.Errorf("make the changes: %w", err)
	}
	var after map[string]any
	if err := utiljson.Unmarshal(doc, &after); err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	return after, nil
}
