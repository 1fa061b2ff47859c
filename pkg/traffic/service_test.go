package traffic

import (
	"slices"
	"strings"
	"testing"
)

func TestLabelSwitch(t *testing.T) {
	row := Rows()[slices.IndexFunc(Rows(), func(r Row) bool { return r.Form == SwitchForm })]
	c := begin(t, row, "food")
	if lines, err := Describe(c.routes[0], 100); err != nil || strings.Join(lines, "") != "spec.selector: app=food,tier=svc → the selector of service food-blue" {
		t.Errorf("%q, %v", lines, err)
	}
	for _, percent := range []int{1, 99} {
		for _, err := range []error{c.mover.Shift(t.Context(), c.routes, percent), second(Describe(c.routes[0], percent))} {
			if err == nil || !strings.Contains(err.Error(), "a label switch moves all traffic or none") {
				t.Errorf("%d%%: %v", percent, err)
			}
		}
	}
	c.shift(t, 100)
	changed := c.object(t)
	put(changed, selectorWay, map[string]any{"app": "other"})
	c.store(t, services, changed)
	if err := c.mover.Shift(t.Context(), c.routes, 100); err == nil || !strings.Contains(err.Error(), "spec.selector is app=other, not app=food,tier=svc any more") {
		t.Errorf("error %v", err)
	}
	c.restored(t)

	// Without blue's Service nothing can be switched, and the way back needs none.
	if err := c.Tracker().Delete(services, "food-svc", "food-blue"); err != nil {
		t.Fatal(err)
	}
	if err := c.mover.Shift(t.Context(), c.routes, 100); err == nil || !strings.Contains(err.Error(), "read the selector of service food-blue") {
		t.Errorf("error %v", err)
	}
	c.shift(t, 0)
}

func second(_ []string, err error) error { return err }
