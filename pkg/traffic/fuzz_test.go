package traffic

import (
	"strings"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// FuzzPatch gives every row objects of any shape: never a panic, never a change outside the row's fields, and from the
// original on every share and the way back are exact.
func FuzzPatch(f *testing.F) {
	for i, row := range Rows() {
		good := text(f, example(f, row))
		f.Add(i, good, good, 1)
		f.Add(i, good, `{}`, 50)
		f.Add(i, good, `{"metadata":3,"spec":[{"rules":null}]}`, 0)
	}
	f.Add(0, rules(refs(ref("food", `,"weight":300`), ref("other", ""))), rules(refs(ref("food", `,"weight":1`), ref("food-blue", ""))), 1)
	f.Add(0, rules(refs(ref("food", "")), `{"matches":[{}],"backendRefs":[{"name":"food","filters":[{}]}]}`), rules(refs(ref("food-blue", ""))), 100)
	f.Add(0, `{"spec":{"rules":[null,3,{"backendRefs":{}},{"backendRefs":[null,[],{"name":{}},{"name":"food","weight":"x"},{"name":"food","weight":-1.5}]}]}}`, `{"spec":[]}`, 50)
	f.Add(0, `{"spec":{"rules":{"backendRefs":[]}}}`, `{}`, 0)
	f.Fuzz(func(t *testing.T, which int, first, second string, percent int) {
		r, original, object, ok := fuzzed(which, first, second)
		if !ok {
			return
		}
		percent = ((percent % 101) + 101) % 101
		if r.Row.Form != "" {
			_ = r.pointsAt(object, green)
			if _, ok := original["spec"].(map[string]any); ok && r.Row.Form == TwinForm {
				_ = r.twin(original, percent)
			}
			return
		}
		foreign(t, r, original, object, percent)
		exact(t, r, original, percent)
	})
}

// fuzzed is a row's route to food, whose object was first at the launch and is second now. It is none when these are no objects.
func fuzzed(which int, first, second string) (r Route, original, object map[string]any, ok bool) {
	if utiljson.Unmarshal([]byte(first), &original) != nil || utiljson.Unmarshal([]byte(second), &object) != nil || original == nil || object == nil {
		return r, nil, nil, false
	}
	rows := Rows()
	row := rows[((which%len(rows))+len(rows))%len(rows)]
	r = Route{Row: row, Namespace: "food-svc", Name: "food", Component: "food", Green: "food", Blue: "food-blue", Original: []byte(first), Session: "food-1"}
	return r, original, object, true
}

// foreign sees that nothing but the rollout's fields changes, whatever the object has become.
func foreign(t *testing.T, r Route, original, object map[string]any, percent int) {
	before := text(t, object)
	ops, err := r.shift(original, object, percent)
	if err == nil {
		if shifted := apply(t, object, ops); !r.blueAlone(object) && r.others(t, shifted) != r.others(t, object) {
			t.Errorf("%d%% of %s changed more than its own fields: %s", percent, before, text(t, ops))
		}
	} else if percent == 0 {
		t.Errorf("the way back is blocked: %v", err)
	}
	ops, err = r.revert(original, object)
	if err != nil {
		t.Fatalf("the way back is blocked: %v", err)
	}
	if reverted := apply(t, object, ops); !r.blueAlone(object) && r.others(t, reverted) != r.others(t, object) {
		t.Errorf("restoring changed more than its own fields: %s", text(t, ops))
	}
	if text(t, object) != before {
		t.Error("the object that was read was written to")
	}
}

// exact sees that a share and the way back are exact from the original on.
func exact(t *testing.T, r Route, original map[string]any, percent int) {
	ops, err := r.shift(original, original, percent)
	if err != nil || r.pointsAt(original, blue) {
		return
	}
	shifted := apply(t, original, ops)
	if again, err := r.shift(original, shifted, percent); err != nil || len(again) > 0 {
		t.Errorf("%d%% a second time changes %s, %v", percent, text(t, again), err)
	}
	if got, ok := r.share(shifted).Percent(); ok && got != percent && percent > 0 {
		t.Errorf("%d%% became %d%%: %s", percent, got, text(t, shifted))
	}
	ops, err = r.revert(original, shifted)
	if err != nil {
		t.Fatal(err)
	}
	if back := apply(t, shifted, ops); text(t, back) != text(t, original) {
		t.Errorf("restored\n %s\nfrom\n %s", text(t, back), text(t, original))
	}
}

// blueAlone tells whether green has to be put back somewhere, which adds an entry that is not dro's.
func (r Route) blueAlone(object map[string]any) bool {
	for _, p := range r.pools(r.Row.view(object)) {
		if len(p.of(green)) == 0 && len(p.of(blue)) > 0 {
			return true
		}
	}
	return false
}

// FuzzChoice leads chosen requests, people and copies to blue in objects of any shape: the same phase twice changes nothing,
// and the way back is exact.
func FuzzChoice(f *testing.F) {
	for i, row := range Rows() {
		good := text(f, example(f, row))
		for by := range 32 {
			f.Add(i, good, `{}`, by*3, by)
		}
	}
	f.Fuzz(func(t *testing.T, which int, first, second string, percent, by int) {
		r, original, object, ok := fuzzed(which, first, second)
		if !ok {
			return
		}
		percent = ((percent % 101) + 101) % 101
		routes, err := Choose([]Route{r}, Rows(), []Choice{chosenBy(by)})
		if err != nil {
			return
		}
		r = routes[0]
		r.Choice = chosenBy(by)
		if r.Row.Form != "" {
			if _, ok := original["spec"].(map[string]any); ok && r.Row.Form == TwinForm {
				_, _ = r.companions()
			}
			return
		}
		_, _ = r.layeredShift(original, object, percent)
		if _, err := r.layeredRevert(original, object); err != nil {
			t.Fatalf("the way back is blocked: %v", err)
		}
		ops, err := r.layeredShift(original, original, percent)
		if err != nil || strings.Contains(first, "blue") || strings.Contains(first, "dro-") {
			return // what names blue already, or looks like dro's, is not told from it
		}
		chosen, err := applied(original, ops)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := r.layeredShift(original, chosen, percent); err != nil || len(again) > 0 {
			t.Errorf("a second time changes %s, %v", text(t, again), err)
		}
		if ops, err = r.layeredRevert(original, chosen); err != nil {
			t.Fatal(err)
		}
		if back, err := applied(chosen, ops); err != nil || text(t, back) != text(t, original) {
			t.Errorf("restored\n %s\nfrom\n %s", text(t, back), text(t, original))
		}
	})
}

// chosenBy makes a choice of bits.
func chosenBy(bits int) (c Choice) {
	m := &blueprint.Match{}
	if bits&1 != 0 {
		m.Headers = map[string]string{"X-Tester": "yes"}
	}
	if bits&2 != 0 {
		m.Query = map[string]string{"v": "2"}
	}
	if bits&4 != 0 {
		m.Cookies = map[string]string{"beta": "a.b"}
	}
	if len(uses(*m)) > 0 {
		c.Match = m
	}
	c.Sticky = bits&8 != 0
	if bits&16 != 0 {
		c.Mirror = 10
	}
	return c
}
