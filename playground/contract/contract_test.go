package contract

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"dro.dev/kubectl-dro/pkg/traffic"
)

// promises are what a row is held to, in the order of the table's columns. Each gets routes of its own. A promise that
// says why it can't be asked of a row is no failure.
var promises = []struct {
	name string
	test func(*testing.T, *bench) (unasked string)
}{
	{"1 %", func(t *testing.T, b *bench) string { return b.share(t, 1) }},
	{"50 %", func(t *testing.T, b *bench) string { return b.share(t, 50) }},
	{"100 %", func(t *testing.T, b *bench) string { return b.share(t, 100) }},
	{"back", back},
	{"restore", restore},
	{"run twice", runTwice},
	{"concurrent edit", concurrentEdit},
	{"drift", drift},
	{"refusal", refusal},
	{"two components", twoComponents},
	{"example", example},
	{"match", match},
	{"sticky", sticky},
	{"mirror", mirror},
}

// TestContract holds every row to every promise and prints how that went: router x capability.
func TestContract(t *testing.T) {
	config := startPlane(t)
	wanted := map[schema.GroupVersionResource]bool{}
	for _, row := range traffic.Rows() {
		wanted[row.GVR()] = true
	}
	installSchemas(t, config, wanted)

	var found results
	t.Run("rows", func(t *testing.T) {
		for _, row := range traffic.Rows() {
			for _, p := range promises {
				t.Run(row.Name+"/"+p.name, func(t *testing.T) {
					t.Parallel()
					defer func() { found.add(row.Name, p.name, t) }()
					if why := p.test(t, newBench(t, config, row)); why != "" {
						t.Log(why)
						found.unasked(row.Name, p.name, why)
					}
				})
			}
		}
	})
	t.Log("\n" + found.table())
}

// results are the table's cells.
type results struct {
	sync.Mutex
	cells map[string]string
	notes []string
}

func (r *results) add(row, promise string, t *testing.T) {
	word := "yes"
	if t.Failed() {
		word = "NO"
	}
	r.set(row, promise, word)
}

func (r *results) unasked(row, promise, why string) {
	r.set(row, promise, "-")
	r.Lock()
	defer r.Unlock()
	r.notes = append(r.notes, fmt.Sprintf("%s, %s: %s", row, promise, why))
}

func (r *results) set(row, promise, word string) {
	r.Lock()
	defer r.Unlock()
	if r.cells == nil {
		r.cells = map[string]string{}
	}
	key := row + "/" + promise
	if r.cells[key] == "" {
		r.cells[key] = word
	}
}

func (r *results) table() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "router")
	for _, p := range promises {
		fmt.Fprint(w, "\t"+p.name)
	}
	fmt.Fprintln(w)
	for _, row := range traffic.Rows() {
		fmt.Fprint(w, row.Name)
		for _, p := range promises {
			fmt.Fprint(w, "\t"+r.cells[row.Name+"/"+p.name])
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	for _, note := range r.notes {
		fmt.Fprintln(&out, note)
	}
	return out.String()
}

// share gives blue one share, as it is planned, with one read and one write, and reads it back.
func (b *bench) share(t *testing.T, percent int) string {
	if percent < 100 && b.row.Form == traffic.ReplicasForm {
		return "its shares are those of pods, and there are none here"
	}
	routes := b.find(t, food)
	before := b.snapshot(t)
	if percent < 100 && !b.row.Can.Weights {
		for _, r := range routes {
			if lines, err := traffic.Describe(r, percent); err == nil {
				t.Errorf("a plan for %d%% is made: %v", percent, lines)
			}
		}
		if err := b.mover.Shift(t.Context(), routes, percent); err == nil {
			t.Error("it claims that it can")
		}
		b.same(t, before)
		return fmt.Sprintf("all or nothing: %d%% is refused and changes nothing", percent)
	}
	for _, r := range routes {
		lines, err := traffic.Describe(r, percent)
		must(t, "plan it", err)
		if len(lines) == 0 {
			t.Error("the plan names no field that will change")
		}
	}
	b.requests.reset()
	b.shift(t, routes, percent)
	looks := len(routes)
	if b.row.Form != "" {
		looks *= 2 // at green's object and at blue's
	}
	if b.row.Form == traffic.ReplicasForm {
		looks += len(routes) // at the slice between them
	}
	if reads, writes := b.requests.count(); reads != looks || writes != len(routes) {
		t.Errorf("%d routes took %d reads and %d writes", len(routes), reads, writes)
	}
	b.shared(t, routes, percent)
	b.foreign(t, before)
	return ""
}

// back leads all traffic to green again from wherever it is.
func back(t *testing.T, b *bench) string {
	routes := b.find(t, food)
	before := b.snapshot(t)
	for _, percent := range b.shares(1, 50, 100) {
		b.shift(t, routes, percent)
		b.shift(t, routes, 0)
		b.shared(t, routes, 0)
		b.foreign(t, before)
	}
	return ""
}

// restore leaves nothing of dro's: not in the object, not in who owns its fields, not beside it.
func restore(t *testing.T, b *bench) string {
	routes := b.find(t, food)
	before := b.snapshot(t)
	for _, percent := range b.shares(1, 50, 100) {
		b.shift(t, routes, percent)
	}
	must(t, "restore", b.mover.Restore(t.Context(), routes))
	b.same(t, before)
	must(t, "restore again", b.mover.Restore(t.Context(), routes))
	b.same(t, before)
	return ""
}

// runTwice writes nothing when everything is as it should be.
func runTwice(t *testing.T, b *bench) string {
	routes := b.find(t, food)
	percent := b.shares(50, 100)[0]
	b.shift(t, routes, percent)
	b.requests.reset()
	b.shift(t, routes, percent)
	if _, writes := b.requests.count(); writes != 0 {
		t.Errorf("a second shift to %d%% took %d writes", percent, writes)
	}
	return ""
}

// concurrentEdit lets the route's owner write between dro's read and its write: both edits stand.
func concurrentEdit(t *testing.T, b *bench) string {
	routes := b.find(t, food)
	before := b.snapshot(t)
	shares := b.shares(1, 50, 100)
	if len(shares) > 1 { // so that the write is one to what is there already
		b.shift(t, routes, shares[0])
	}
	edits := 0
	b.requests.beforeWrite(func() {
		if edits++; edits == 1 {
			b.edit(t, "team.example/edit", "meanwhile")
		}
	})
	b.shift(t, routes, shares[len(shares)-1])
	if edits < 2 {
		t.Errorf("dro wrote %d times: over an edit that it had not seen", edits)
	}
	b.requests.beforeWrite(nil)
	b.shared(t, routes, shares[len(shares)-1])
	must(t, "restore", b.mover.Restore(t.Context(), routes))
	for name, o := range b.snapshot(t) {
		if o.annotations["team.example/edit"] != "meanwhile" {
			t.Errorf("the owner's edit of %s is lost", name)
		}
		delete(o.annotations, "team.example/edit")
		before[name].sameSpec(t, o)
	}
	return ""
}

// drift puts an older state back, as a GitOps tool does: it is told, and the next shift corrects it.
func drift(t *testing.T, b *bench) string {
	routes := b.find(t, food)
	before := b.snapshot(t)
	shares := b.shares(1, 50, 100)
	b.shift(t, routes, shares[0])
	earlier := b.objects(t)
	later := shares[len(shares)-1]
	if len(shares) > 1 {
		b.shift(t, routes, later)
		b.put(t, earlier)
		b.shared(t, routes, shares[0])
		b.drifted(t, routes, later, true)
		b.shift(t, routes, later)
		b.shared(t, routes, later)
	}
	b.drifted(t, routes, later, false)
	b.apply(t) // the manifests, as they were
	if percent, _ := b.percent(t, routes); percent == later && len(before) == len(earlier) {
		t.Errorf("the manifests were applied anew and blue has %d%% all the same", percent)
	}
	b.shift(t, routes, later)
	b.shared(t, routes, later)
	must(t, "restore", b.mover.Restore(t.Context(), routes))
	b.sameSpecs(t, before)
	return ""
}

// refusal: what can't be done is said, with the object's name and what to do, and changes nothing.
func refusal(t *testing.T, b *bench) string {
	if b.row.Form.Asked() {
		return "what it can't do is any other share, and that is asked above"
	}
	routes := b.find(t, food)
	before := b.snapshot(t)
	refused := func(what string, err error) {
		t.Helper()
		switch {
		case err == nil:
			t.Errorf("%s is not refused", what)
		case !strings.Contains(err.Error(), "shop"):
			t.Errorf("%s: the error does not name the route: %v", what, err)
		case !strings.Contains(err.Error(), "\n  "):
			t.Errorf("%s: the error does not say what to do: %v", what, err)
		}
	}
	if err := b.mover.Shift(t.Context(), routes, 101); err == nil {
		t.Error("101 % is not refused")
	}
	b.same(t, before)
	percent := b.shares(50, 100)[0]
	b.shift(t, routes, percent)
	_, err := b.look(t.Context(), food)
	refused("a launch beside another that is under way", err)
	must(t, "restore", b.mover.Restore(t.Context(), routes))
	b.takeOut(t, food.green)
	without := b.snapshot(t)
	refused("a route that no longer names green", b.mover.Shift(t.Context(), routes, percent))
	b.same(t, without)
	must(t, "lead traffic back to a green that is gone", b.mover.Shift(t.Context(), routes, 0))
	return ""
}

// twoComponents moves two components that share a route, and none of them when one can't move.
func twoComponents(t *testing.T, b *bench) string {
	if !strings.Contains(b.manifest, menu.green) {
		return "its routes have one list of backends, so they belong to one component"
	}
	routes := append(b.find(t, food), b.find(t, menu)...)
	before := b.snapshot(t)
	for _, percent := range b.shares(1, 50, 100) {
		b.shift(t, routes, percent)
		b.shared(t, routes, percent)
		b.foreign(t, before)
	}
	b.shift(t, routes, 0)
	must(t, "restore", b.mover.Restore(t.Context(), routes))
	b.same(t, before)

	if b.row.Form.Asked() {
		return "" // nothing in it can stop naming green: it is green's Service
	}
	b.takeOut(t, menu.green)
	without := b.snapshot(t)
	if err := b.mover.Shift(t.Context(), routes, 100); err == nil {
		t.Error("one of two can't move, and that is no error")
	}
	b.shared(t, routes[:1], 0)
	must(t, "restore", b.mover.Restore(t.Context(), routes[:1]))
	b.sameSpecs(t, without)
	return ""
}

// example is the route that the row's own package has: the API server takes it, and it goes to blue and back.
func example(t *testing.T, b *bench) string {
	if b.row.Form.Asked() {
		return "the example has no blue, whose selector it takes"
	}
	b = benchOf(t, b.config, b.row, "../../pkg/traffic/testdata/routers/"+b.row.Name+".yaml")
	return restore(t, b)
}

// look finds a component's routes among those of every kind.
func (b *bench) look(ctx context.Context, c component) ([]traffic.Route, error) {
	t := traffic.Target{Namespace: b.ns, Component: c.green, Green: c.green, Blue: c.blue}
	if b.row.Form.Asked() {
		t.Router = b.row.Name // it is nobody's router unless asked for
	}
	return traffic.Find(ctx, b.mover.Client, traffic.Rows(), t)
}

// find finds a component's routes, which must be the row's.
func (b *bench) find(t *testing.T, c component) []traffic.Route {
	t.Helper()
	routes, err := b.look(t.Context(), c)
	must(t, "find the routes of "+c.green, err)
	for _, r := range routes {
		if r.Row.Name != b.row.Name {
			t.Fatalf("row %s takes %s for its own", r.Row.Name, r)
		}
	}
	return routes
}

func (b *bench) shift(t *testing.T, routes []traffic.Route, percent int) {
	t.Helper()
	must(t, fmt.Sprintf("shift to %d%%", percent), b.mover.Shift(t.Context(), routes, percent))
}

// shared checks what share the cluster has for each route.
func (b *bench) shared(t *testing.T, routes []traffic.Route, want int) {
	t.Helper()
	shares, err := b.mover.Shares(t.Context(), routes)
	must(t, "read the shares", err)
	for _, s := range shares {
		if got, known := s.Percent(); !known || got != want {
			t.Errorf("%s has %d%% (known: %t) on blue, want %d%%: %+v", s.Route, got, known, want, s.Rules)
		}
	}
}

// drifted checks whether routes are other than a shift left them.
func (b *bench) drifted(t *testing.T, routes []traffic.Route, percent int, want bool) {
	t.Helper()
	drifts, err := b.mover.Drifts(t.Context(), routes, percent)
	must(t, "look for drift", err)
	if len(drifts) > 0 != want {
		t.Errorf("drift from %d%% is %v, want some: %t", percent, drifts, want)
	}
}

func (b *bench) percent(t *testing.T, routes []traffic.Route) (int, bool) {
	t.Helper()
	shares, err := b.mover.Shares(t.Context(), routes)
	must(t, "read the shares", err)
	return shares[0].Percent()
}

// shares are those among the wanted that the row can have.
func (b *bench) shares(wanted ...int) []int {
	if b.row.Can.Weights && !b.row.Form.Asked() {
		return wanted
	}
	return []int{100}
}
