package scenario

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/load"
)

// release is what is launched while faults are injected.
type release struct {
	name  string
	green green
	tag   string // of hms-svc-food; "": the healthy one that is not live
	hold  string // of each phase
	test  string // what its test does before it asks blue
	ends  ending // when nobody aborts it
}

// green is how what a release replaces was installed.
type green int

const (
	plainGreen green = iota
	helmGreens       // each component is a Helm release
	noGreen          // there is none yet
)

// ending is how a rollout ends, as its record says.
type ending struct{ state, cause string }

func releases() []release {
	return []release{
		{name: "good", hold: "2s", ends: ending{"Completed", ""}},
		{name: "bad", tag: "broken", hold: "15s", ends: ending{"RolledBack", "error_rate"}},
		{name: "helm", green: helmGreens, hold: "1s", ends: ending{"Completed", ""}},
		{name: "first", green: noGreen, ends: ending{"Completed", ""}},
	}
}

// rolloutRecord is what `status -o json` says of a rollout.
type rolloutRecord struct {
	ID, State, Cause string
	Standby          bool
	Detached         bool
	Traffic          int
	Ended            *time.Time
}

// fields numbers the namespaces.
var fields atomic.Int32

// field is a namespace in which one fault after the other is injected.
type field struct {
	*cluster
	ns       string
	kind     green
	live     string     // green's version
	load     *load.Load // nil without green
	launches int

	// Of the present launch:
	id     string
	before snapshot
	failed map[load.Count]int
	said   strings.Builder // everything that ended commands said
}

func newField(t *testing.T, c *cluster, kind green) *field {
	t.Helper()
	f := &field{cluster: c, ns: fmt.Sprintf("faults-%d", fields.Add(1)), kind: kind, live: "1.0.0"}
	switch kind {
	case noGreen:
		c.namespace(t, f.ns)
		return f
	case plainGreen:
		c.green(t, f.ns)
	case helmGreens:
		c.helmGreen(t, f.ns)
	}
	f.load = c.load(t, f.ns, 50, food.Service, food.Frontend)
	f.id = "food-v0"
	c.planned(t, f.ns, f.blueprint(release{green: kind, hold: "1s"}))
	return f
}

// leave ends the load on a field that is used no more.
func (f *field) leave() {
	if f.load != nil {
		f.load.Stop()
	}
}

// next readies the field for another launch.
func (f *field) next(t *testing.T) {
	t.Helper()
	f.launches++
	f.id = fmt.Sprintf("food-v%d", f.launches)
	f.said.Reset()
	f.before = f.snapshot(t, f.ns)
	f.failed = f.failures("")
}

// healthy is the healthy version that is not live.
func (f *field) healthy() string {
	if f.live == "1.0.0" {
		return "2.1.0"
	}
	return "1.0.0"
}

func (f *field) blueprint(r release) string {
	if r.green == noGreen {
		return fmt.Sprintf(`
id: %s
app: food
images: [{svc: hms-svc-food, tag: 2.1.0, image: localhost/hms-svc-food}]
tests: [{name: smoke, cmd: curl -f http://blue.%s/healthz}]
phases: [{name: full, traffic: 100%%, hold: 1s}]
`, f.id, f.ns)
	}
	tag := cmp.Or(r.tag, f.healthy())
	configs := ""
	if r.green == plainGreen { // the chart makes its own
		configs = fmt.Sprintf(`configs: [{name: food-rules, data: {instant-pay.yaml: "rules: 2 # since %s"}}]`, tag)
	}
	return fmt.Sprintf(`
id: %s
app: food
images: [{svc: hms-svc-food, tag: %s}, {mfe: food-delivery, tag: %s}]
%s
tests: [{name: smoke, cmd: "%scurl -f http://blue.%s/healthz"}]
kpi: {error_rate: "< 5%%"}
phases: [{name: half, traffic: 50%%, hold: %s}, {name: full, traffic: 100%%, hold: %s}]
keep: 2s
`, f.id, tag, f.healthy(), configs, r.test, f.ns, r.hold, r.hold)
}

// expire lets the dead launcher's lease go, which its expiry amounts to.
func (f *field) expire(t *testing.T) {
	t.Helper()
	leases := f.client.CoordinationV1().Leases(f.ns)
	list, err := leases.List(t.Context(), metav1.ListOptions{})
	must(t, "list leases", err)
	for _, lease := range list.Items {
		lease.Spec.HolderIdentity = nil
		_, err := leases.Update(t.Context(), &lease, metav1.UpdateOptions{})
		must(t, "clear the lease", err)
	}
}

// record is the rollout's record, nil when there is none.
func (f *field) record(t *testing.T) *rolloutRecord {
	t.Helper()
	rec, err := f.read(t)
	must(t, "read the record", err)
	return rec
}

func (f *field) read(t *testing.T) (*rolloutRecord, error) {
	out, err := plugin(t, "list", "-n", f.ns, "--kubeconfig", f.kubeconfig, "-o", "json").Output()
	if err != nil {
		return nil, fmt.Errorf("list the rollouts: %w", err)
	}
	var records []rolloutRecord
	if err := json.Unmarshal(out, &records); err != nil {
		return nil, fmt.Errorf("read the list of rollouts: %w", err)
	}
	for _, r := range records {
		if r.ID == f.id {
			return &r, nil
		}
	}
	return nil, nil
}

// check looks at what a launch has come to: everything on green as before or on the new version, nothing left over, no
// request failed but by the release's own defect, and a record that says so.
func (f *field) check(t *testing.T, r release, want ending) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(f.said.String())
		}
	}()
	switch rec := f.record(t); {
	case rec == nil:
		t.Fatal("there is no record of it")
	case rec.State != want.state || rec.Ended == nil || rec.Traffic != 0 || !strings.Contains(rec.Cause, want.cause):
		t.Fatalf("the record says %+v, want %+v", *rec, want)
	}
	var but []string
	if want.state == "Completed" {
		but = f.completed(t, r)
	}
	f.unchanged(t, f.ns, f.before, but...)
	if f.kind == noGreen {
		return
	}
	f.serves(t, f.ns, f.live, food.Service, food.Frontend)
	for count, n := range f.failures(r.tag) {
		if more := n - f.failed[count]; more > 0 {
			t.Errorf("%d requests to %s failed: version %s, status %s", more, count.Target, count.Version, count.Status)
		}
	}
}

// completed checks that green is the new version, and returns what is new because of that.
func (f *field) completed(t *testing.T, r release) []string {
	t.Helper()
	images := f.images(t, f.ns)
	if r.green == noGreen {
		if images[food.Service] != "localhost/hms-svc-food:2.1.0" {
			t.Errorf("green is not the new version: %v", images)
		}
		f.helm(t, f.ns, "uninstall", food.Service)
		return nil
	}
	f.live = f.healthy()
	for _, component := range []string{food.Service, food.Frontend} {
		if want := "localhost/" + component + ":" + f.live; images[component] != want {
			t.Errorf("%s runs %s, want %s", component, images[component], want)
		}
	}
	if len(images) != 2 {
		t.Errorf("deployments are left behind: %v", images)
	}
	if r.green == plainGreen {
		rules, err := f.client.CoreV1().ConfigMaps(f.ns).Get(t.Context(), "food-rules", metav1.GetOptions{})
		must(t, "read green's config", err)
		if text := rules.Data["instant-pay.yaml"]; !strings.Contains(text, "since "+f.live) {
			t.Errorf("green's config is not the new version's: %q", text)
		}
	}
	return []string{"secrets/sh.helm.release.v1.hms-svc-food.v*", "secrets/sh.helm.release.v1.food-delivery.v*", "deployments.apps/*", "replicasets.apps/*", "pods/*", "endpointslices.discovery.k8s.io/*", "configmaps/food-rules"}
}

// failures are the requests that have failed so far, but for those that a defective version failed.
func (f *field) failures(defective string) map[load.Count]int {
	failed := map[load.Count]int{}
	if f.load == nil {
		return failed
	}
	for _, count := range f.load.Counts() {
		if own := count.Version == defective && count.Status == "500"; count.Failed() && !own {
			key := count
			key.N = 0
			failed[key] += count.N
		}
	}
	return failed
}
