package scenario

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"dro.dev/kubectl-dro/playground/faults"
)

var (
	every   = flag.Int("faults", 15, "inject every n-th fault; 1: all of them, 0: none")
	workers = flag.Int("workers", 8, "how many faults are injected at the same time, at least 4")

	injected, survived atomic.Int32
)

// tally counts a fault, and whether it is survived.
func tally(t *testing.T) {
	injected.Add(1)
	t.Cleanup(func() {
		if !t.Failed() {
			survived.Add(1)
		}
	})
}

// TestMain ends with what became of the faults.
func TestMain(m *testing.M) {
	code := m.Run()
	if n := injected.Load(); n > 0 {
		fmt.Printf("faults: %d injected, %d survived\n", n, survived.Load())
	}
	os.Exit(code)
}

// fault is one way in which a launch of a release is cut short, and the command that takes over.
type fault struct {
	release release
	at      faults.Point
	verb    string
	patient bool // the dead launcher's lease runs out by itself
}

func (f fault) String() string {
	name := fmt.Sprintf("%s %s, %s", f.release.name, f.at, f.verb)
	if f.patient {
		name += " once the lease has run out"
	}
	return name
}

// TestFaults kills launches at every write, and does worse to some. Afterwards everything is on green as before or on
// the new version, nothing is left over, no request has failed for it, and the record says so.
func TestFaults(t *testing.T) {
	if *every == 0 || os.Getenv("DRO_E2E") != "" {
		t.Skip("not wanted here")
	}
	c := startPlayground(t)
	writes := count(t, c)
	queues := map[green][]fault{}
	for _, r := range releases() {
		queues[r.green] = append(queues[r.green], thin(kills(r, writes[r.name]))...)
	}
	mishaps, storms := mishaps(), storms()
	if *every > 1 {
		mishaps, storms = mishaps[:2], nil
	}
	var all sync.WaitGroup
	share := func(faults []fault, workers int) {
		queue := make(chan fault, len(faults))
		for _, f := range faults {
			queue <- f
		}
		close(queue)
		for i := range min(workers, len(faults)) {
			all.Go(func() {
				name := fmt.Sprintf("%s %d", faults[0].release.name, i+1)
				t.Run(name, func(t *testing.T) { newField(t, c, faults[0].release.green).work(t, queue) })
			})
		}
	}
	helm := *workers / 4
	share(queues[plainGreen], *workers-helm-1)
	share(queues[helmGreens], helm)
	share(queues[noGreen], 1)
	for _, m := range mishaps {
		all.Go(func() { suffer(t, c, m) })
	}
	all.Wait()
	for _, m := range storms {
		suffer(t, c, m)
	}
}

// kills are the faults of a release: at every write, on both sides of it, with resume and abort in turn.
func kills(r release, writes int) []fault {
	var all []fault
	begin := 0
	if r.green == helmGreens {
		begin = writes * 3 / 5 // up to its settling it is as with any green
	}
	for n := begin; n < writes; n++ {
		for i, half := range []faults.Half{faults.Before, faults.After} {
			verb := []string{"resume", "abort"}[(n+i)%2]
			all = append(all, fault{r, faults.Point{Write: n + 1, Half: half}, verb, n%20 == 10 && i == 0})
		}
	}
	return all
}

// thin leaves as many faults as were asked for, spread over all. An odd stride meets both halves and both commands.
func thin(all []fault) []fault {
	var some []fault
	stride := *every | 1
	for i, f := range all {
		if i%stride == stride/2 {
			f.patient = f.patient && *every == 1
			some = append(some, f)
		}
	}
	return some
}

// count is how many writes an undisturbed launch of each release makes.
func count(t *testing.T, c *cluster) map[string]int {
	writes := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, r := range releases() {
		all.Go(func() {
			t.Run("undisturbed "+r.name, func(t *testing.T) {
				f := newField(t, c, r.green)
				f.next(t)
				p := f.launch(t, r, faults.Point{})
				f.check(t, r, r.ends)
				mu.Lock()
				defer mu.Unlock()
				writes[r.name] = len(p.Writes())
				t.Logf("%d writes: %q", len(p.Writes()), p.Writes())
			})
		})
	}
	all.Wait()
	if t.Failed() {
		t.Fatal("nothing was injected: a launch does not do what it should when it is left alone")
	}
	return writes
}

// work injects faults until there are none left. A field that one of them spoiled is left for a new one.
func (f *field) work(t *testing.T, queue <-chan fault) {
	for fault := range queue {
		if !t.Run(fault.String(), func(t *testing.T) { f.inject(t, fault) }) {
			f = newField(t, f.cluster, f.kind)
		}
	}
}

// inject cuts a launch short, lets a command take over, and looks at what there is then.
func (f *field) inject(t *testing.T, fault fault) {
	tally(t)
	f.next(t)
	p := f.launch(t, fault.release, fault.at)
	t.Logf("killed %s: %s", fault.at, p.Hit())
	if p.Hit() == "" { // it got by with fewer writes this time
		f.check(t, fault.release, fault.release.ends)
		return
	}
	if !fault.patient {
		f.expire(t)
	}
	switch rec := f.record(t); {
	case rec == nil: // it had not begun
		f.unchanged(t, f.ns, f.before)
		f.launch(t, fault.release, faults.Point{})
		f.check(t, fault.release, fault.release.ends)
	case rec.Ended != nil:
		f.command(t, fault.verb)
		f.check(t, fault.release, fault.release.ends)
	case fault.verb == "abort" && rec.State == "Settling": // there is nothing to go back to
		f.command(t, "abort")
		f.command(t, "resume")
		f.check(t, fault.release, fault.release.ends)
	case fault.verb == "abort" && rec.State != "RollingBack":
		f.command(t, "abort")
		f.check(t, fault.release, ending{"RolledBack", "aborted"})
	default:
		f.command(t, fault.verb)
		f.check(t, fault.release, fault.release.ends)
	}
}
