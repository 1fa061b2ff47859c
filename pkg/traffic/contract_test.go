package traffic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// example is the row's object in testdata/routers, with green's Service food at port 8080.
func example(t testing.TB, row Row) map[string]any {
	t.Helper()
	data, err := os.ReadFile("testdata/routers/" + row.Name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	data, err = yaml.YAMLToJSONStrict(data)
	if err != nil {
		t.Fatal(err)
	}
	object := parse(t, string(data))
	put(object, steps{"metadata", "resourceVersion"}, "1")
	put(object, steps{"metadata", "generation"}, int64(1))
	put(object, steps{"metadata", "uid"}, "one")
	return object
}

func (a *api) store(t testing.TB, gvr schema.GroupVersionResource, object map[string]any) {
	t.Helper()
	u := &unstructured.Unstructured{Object: copied(object).(map[string]any)}
	err := a.Tracker().Create(gvr, u, u.GetNamespace())
	if apierrors.IsAlreadyExists(err) {
		err = a.Tracker().Update(gvr, u, u.GetNamespace())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (a *api) load(t testing.TB, k key) map[string]any {
	t.Helper()
	o, err := a.Tracker().Get(k.resource, k.namespace, k.name)
	if err != nil {
		t.Fatal(err)
	}
	return copied(o.(*unstructured.Unstructured).Object).(map[string]any)
}

// contract is a row's example in a cluster that has every row's kind.
type contract struct {
	*api
	row    Row
	routes []Route
	before map[string]any
	mover  *Mover
}

func begin(t *testing.T, row Row, components ...string) *contract {
	t.Helper()
	c := &contract{api: newAPI(t), row: row, before: example(t, row)}
	c.store(t, row.GVR(), c.before)
	if row.Form.Asked() { // blue's Service
		c.store(t, services, parse(t, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"food-blue","namespace":"food-svc","resourceVersion":"1"},
			"spec":{"selector":{"app":"food-blue","tier":"svc"}}}`))
	}
	if row.Form == ReplicasForm {
		c.endpoints(t, "food", "10.0.0.1")
		c.endpoints(t, "food-blue", "10.0.1.1")
	}
	c.mover = &Mover{Client: c.api, Warn: func(s string) { t.Errorf("warned: %s", s) }}
	var targets []Target
	for _, name := range components {
		targets = append(targets, Target{Namespace: "food-svc", Component: name, Green: name, Blue: name + "-blue", Router: row.asked()})
	}
	var err error
	if c.routes, err = Find(t.Context(), c.api, Rows(), targets...); err != nil {
		t.Fatal(err)
	}
	for _, r := range c.routes {
		if r.Row.Name != row.Name {
			t.Fatalf("the example was taken for one of %s", r.Row.Name)
		}
	}
	return c
}

func (c *contract) object(t *testing.T) map[string]any { return c.load(t, c.routes[0].key()) }

func (c *contract) shift(t *testing.T, percent int) {
	t.Helper()
	if err := c.mover.Shift(t.Context(), c.routes, percent); err != nil {
		t.Fatalf("%d%%: %v", percent, err)
	}
	c.is(t, percent)
}

func (c *contract) is(t *testing.T, percent int) {
	t.Helper()
	shares, err := c.mover.Shares(t.Context(), c.routes)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shares {
		if got, ok := s.Percent(); !ok || got != percent {
			t.Errorf("want %d%%, have %+v", percent, s)
		}
	}
}

// restored tells whether the object is what it was, to the letter, but for its version.
func (c *contract) restored(t *testing.T) {
	t.Helper()
	if err := c.mover.Restore(t.Context(), c.routes); err != nil {
		t.Fatal(err)
	}
	got := c.object(t)
	for _, field := range []string{"resourceVersion", "generation"} {
		put(got, steps{"metadata", field}, c.before["metadata"].(map[string]any)[field])
	}
	if text(t, got) != text(t, c.before) {
		t.Errorf("restored\n %s\nwas\n %s", text(t, got), text(t, c.before))
	}
	for _, r := range c.routes {
		if r.Row.Form == TwinForm {
			if _, err := c.Tracker().Get(r.Row.GVR(), r.Namespace, r.twinKey().name); !apierrors.IsNotFound(err) {
				t.Errorf("blue's own object is still there (%v)", err)
			}
		}
	}
}

// TestContract holds every row against what is asked of a router, on its example.
func TestContract(t *testing.T) {
	for _, row := range Rows() {
		t.Run(row.Name, func(t *testing.T) {
			t.Run("start, shares, back, restore", func(t *testing.T) {
				c := begin(t, row, "food")
				for _, percent := range []int{1, 50, 100, 0, 100} {
					if some(percent) && !row.Can.Weights || Nearest(c.routes[0], percent) != "" {
						continue
					}
					c.shift(t, percent)
					c.foreign(t)
				}
				c.restored(t)
				c.restored(t)
				if row.Port != "" && c.routes[0].Port != 8080 {
					t.Errorf("port %d", c.routes[0].Port)
				}
			})
			t.Run("someone edits it between read and write", func(t *testing.T) {
				c := begin(t, row, "food")
				edits := 2
				c.api.before = func(verb, name string) error {
					if verb == "patch" && edits > 0 {
						edits--
						c.edit(t, name, "edited", "yes")
					}
					return nil
				}
				c.shift(t, 100)
				c.shift(t, 0)
				if edits == 2 {
					t.Error("nothing was patched")
				}
			})
			t.Run("drift", func(t *testing.T) {
				c := begin(t, row, "food")
				c.shift(t, 100)
				if err := c.mover.Restore(t.Context(), c.routes); err != nil { // as if by someone else
					t.Fatal(err)
				}
				c.is(t, 0)
				c.shift(t, 100)
				c.restored(t)
			})
			t.Run("green is no longer there", func(t *testing.T) {
				c := begin(t, row, "food")
				if !row.Form.Asked() { // there green is the object itself
					c.shift(t, 100)
				}
				gone := parse(t, strings.NewReplacer(`"food"`, `"other"`, `\"food\"`, `\"other\"`, `food.food-svc`, `other.food-svc`).
					Replace(text(t, c.object(t))))
				put(gone, steps{"metadata", "name"}, "food")
				c.store(t, row.GVR(), gone)
				if err := c.mover.Shift(t.Context(), c.routes, 100); err == nil || !strings.Contains(err.Error(), "service food") || !strings.Contains(err.Error(), "\n  ") {
					t.Errorf("error %v", err)
				}
				if err := c.mover.Shift(t.Context(), c.routes, 0); err != nil {
					t.Errorf("the way back is blocked: %v", err)
				}
			})
			t.Run("the object is gone", func(t *testing.T) {
				c := begin(t, row, "food")
				if err := c.Tracker().Delete(row.GVR(), "food-svc", c.routes[0].Name); err != nil {
					t.Fatal(err)
				}
				err := c.mover.Shift(t.Context(), c.routes, 100)
				if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "abort the rollout") {
					t.Errorf("error %v", err)
				}
			})
			t.Run("a webhook refuses", func(t *testing.T) {
				c := begin(t, row, "food")
				refusal := apierrors.NewForbidden(row.GVR().GroupResource(), "food", errors.New(`admission webhook "policy" denied the request`))
				c.api.before = func(verb, _ string) error {
					if verb == "patch" || verb == "create" {
						return refusal
					}
					return nil
				}
				err := c.mover.Shift(t.Context(), c.routes, 100)
				if !errors.Is(err, refusal) || !strings.Contains(err.Error(), "an admission webhook") {
					t.Errorf("error %v", err)
				}
				c.api.before = nil
				c.is(t, 0)
			})
		})
	}
}

// asked is what a blueprint says for a row that is not found by itself.
func (r Row) asked() string {
	if r.Form.Asked() {
		return r.Name
	}
	return ""
}

// edit is someone else's write to an object.
func (c *contract) edit(t *testing.T, name, label, value string) {
	t.Helper()
	k := c.routes[0].key()
	k.name = name
	object := c.load(t, k)
	version, _ := along(object, steps{"metadata", "resourceVersion"})
	put(object, steps{"metadata", "resourceVersion"}, fmt.Sprint(version, "0"))
	put(object, steps{"metadata", "labels", label}, value)
	c.store(t, k.resource, object)
}

// foreign tells whether all that is not the rollout's is what it was.
func (c *contract) foreign(t *testing.T) {
	t.Helper()
	r := c.routes[0]
	if got, want := r.others(t, c.object(t)), r.others(t, c.before); got != want {
		t.Errorf("changed more than its own:\n got %s\nwant %s", got, want)
	}
}

// others is an object without what a rollout may write: blue's entries, green's weight, and how a lone backend stands.
func (r Route) others(t testing.TB, object map[string]any) string {
	view := copied(r.Row.view(object)).(map[string]any)
	drop(view, steps{"metadata", "resourceVersion"})
	drop(view, steps{"metadata", "generation"})
	var rules []string
	lists := []steps{}
	for _, p := range r.pools(view) {
		var kept []any
		for _, e := range p.entries {
			if e.slot == neither {
				kept = append(kept, e.value)
			}
		}
		rules = append(rules, fmt.Sprint(p.rule, text(t, p.group), text(t, kept)))
		lists = append(lists, p.list)
		for _, beside := range []string{p.shape.First, p.shape.Single} {
			if beside != "" {
				lists = append(lists, p.rule.to(strings.Split(beside, ".")...))
			}
		}
	}
	for _, l := range lists {
		for n := len(l); n > 1; n-- { // what was made for a list goes with it
			drop(view, l[:n])
			if rest, _ := along(view, l[:n-1]); !equal(rest, map[string]any{}) {
				break
			}
		}
	}
	if via := r.Row.Via; via != nil {
		listed, _ := at(view, via.List)
		entries, _ := listed.([]any)
		put(view, strings.Split(via.List, "."), slices.DeleteFunc(slices.Clone(entries), func(known any) bool { return r.aliased(known) == blue }))
	}
	if r.Row.Form.Asked() {
		drop(view, selectorWay)
	}
	if r.Row.Weights != "" {
		drop(view, steps{"metadata", "annotations", r.Row.Weights})
	}
	return text(t, view) + "\n" + strings.Join(rules, "\n")
}

// TestTwoComponentsInOneRoute moves two components whose rules are in one object.
func TestTwoComponentsInOneRoute(t *testing.T) {
	done := 0
	for _, row := range Rows() {
		if !strings.Contains(text(t, example(t, row)), `"menu"`) || row.Name == "gloo-routetable" { // there both are in one rule
			continue
		}
		done++
		t.Run(row.Name, func(t *testing.T) {
			c := begin(t, row, "food", "menu")
			if len(c.routes) != 2 {
				t.Fatalf("found %v", c.routes)
			}
			c.asked = nil
			c.shift(t, 10)
			c.shift(t, 100)
			if row.Form == "" {
				c.asked = nil
				c.shift(t, 50)
				if got := c.requests("patch"); len(got) != 2 {
					t.Errorf("asked %v", got)
				}
			}
			c.shift(t, 0)
			c.restored(t)
		})
	}
	if done < 8 {
		t.Errorf("only %d examples have two components", done)
	}
}

// TestEveryRowSaysWhatItFollows keeps the rows whole.
func TestEveryRowSaysWhatItFollows(t *testing.T) {
	names := map[string]bool{}
	for _, row := range Rows() {
		if names[row.Name] {
			t.Errorf("two rows are called %s", row.Name)
		}
		names[row.Name] = true
		if !strings.HasPrefix(row.Docs, "https://") || row.Title == "" || row.Observed.Says() == "" {
			t.Errorf("%s lacks its documentation, title or sign", row.Name)
		}
	}
}

// When one of twenty can't move, those that moved go back, in reverse.
func TestTwentyComponents(t *testing.T) {
	a, routes := many(t, 20)
	if got := a.requests("list"); len(got) > len(Rows())+1 {
		t.Errorf("%d lists for 20 components", len(got))
	}
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "httproutes"}, "c19", errors.New("no"))
	a.before = func(verb, name string) error {
		if verb == "patch" && name == "c19" {
			return refusal
		}
		return nil
	}
	a.asked = nil
	if err := (&Mover{Client: a}).Shift(context.Background(), routes, 10); !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
	patched := a.requests("patch")
	if len(patched) != 39 || patched[0] != "patch c00" || patched[20] != "patch c18" || patched[38] != "patch c00" {
		t.Errorf("wrote %v", patched)
	}
	if got := a.shares(t, routes); strings.Contains(got, "10") && !strings.Contains(got, "c10 0 true") || strings.Contains(got, " 10 ") {
		t.Errorf("%s", got)
	}
}
