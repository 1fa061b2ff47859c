package scenario

import (
	"flag"
	"fmt"
	"os"
	"slices"
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
	queues := queued(writes)
	mishaps, outages := mishaps(), outages()
	if *every > 1 {
		mishaps, outages = mishaps[:2], nil
	}
	harm := make(chan mishap, len(mishaps))
	for _, m := range mishaps {
		harm <- m
	}
	close(harm)
	var all sync.WaitGroup
	for i := range *workers {
		all.Go(func() {
			switch helm := *workers / 4; { // the fewer there are of a kind, the sooner its worker helps with the rest
			case i == 0:
				work(t, c, noGreen, i, queues[noGreen])
			case i <= helm:
				work(t, c, helmGreens, i, queues[helmGreens])
			default:
				work(t, c, plainGreen, i, queues[plainGreen])
			}
			for m := range harm {
				suffer(t, c, m)
			}
			work(t, c, plainGreen, i, queues[plainGreen])
		})
	}
	all.Wait()
	storm(t, c, outages)
}

// byStandby is the verb of a fault after which nobody says anything: the standby takes over, if there is one by then.
const byStandby = "standby"

// kills are the faults of a release: at every write, on both sides of it, with who takes over in turn.
func kills(r release, writes int) []fault {
	var all []fault
	begin := 0
	if r.green == helmGreens {
		begin = writes * 3 / 5 // up to its settling it is as with any green
	}
	for n := begin; n < writes; n++ {
		for i, half := range []faults.Half{faults.Before, faults.After} {
			verb := []string{"resume", "abort", byStandby}[(n+2*i)%3]
			if r.green == noGreen && verb == byStandby {
				verb = "resume" // there is nothing to move, and nobody to stand by
			}
			all = append(all, fault{r, faults.Point{Write: n + 1, Half: half}, verb, n%20 == 10 && i == 0})
		}
	}
	return all
}

// queued are the kills of each kind of green.
func queued(writes map[string]int) map[green]<-chan fault {
	faults := map[green][]fault{}
	for _, r := range releases() {
		faults[r.green] = append(faults[r.green], thin(kills(r, writes[r.name]))...)
	}
	queues := map[green]<-chan fault{}
	for kind, all := range faults {
		queue := make(chan fault, len(all))
		for _, f := range all {
			queue <- f
		}
		close(queue)
		queues[kind] = queue
	}
	return queues
}

// thin leaves as many faults as were asked for, spread over all. A stride that neither 2 nor 3 divides meets both halves
// and all who take over.
func thin(all []fault) []fault {
	var some []fault
	stride := *every | 1
	if stride%3 == 0 {
		stride += 2
	}
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

// work injects faults of a kind until there are none left. A field that one of them spoiled is left for a new one.
func work(t *testing.T, c *cluster, kind green, worker int, queue <-chan fault) {
	fault, more := <-queue
	if !more {
		return
	}
	t.Run(fmt.Sprintf("%s %d", fault.release.name, worker), func(t *testing.T) {
		for f := newField(t, c, kind); more; fault, more = <-queue {
			if !t.Run(fault.String(), func(t *testing.T) { f.inject(t, fault) }) {
				f.leave()
				f = newField(t, c, kind)
			}
		}
	})
}

// inject cuts a launch short, lets a command take over, and looks at what there is then.
func (f *field) inject(t *testing.T, fault fault) {
	tally(t)
	f.next(t)
	if fault.verb == byStandby {
		f.silence(t, fault)
		return
	}
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

// silence cuts a launch with a standby short, and says nothing. One that had no standby yet is aborted.
func (f *field) silence(t *testing.T, fault fault) {
	p := f.launch(t, fault.release, fault.at, "--standby", "required")
	t.Logf("killed %s: %s", fault.at, p.Hit())
	rec, want := f.record(t), fault.release.ends // before the standby writes it
	f.expire(t)
	switch {
	case rec == nil: // it had not begun
		f.unchanged(t, f.ns, f.before)
		return
	case p.Hit() == "" || rec.Ended != nil || rec.Detached || slices.Contains([]string{"Keeping", "Settling", "RollingBack"}, rec.State): // there is one way
	case rec.Standby:
		want = ending{"RolledBack", "took over"}
	default:
		f.command(t, "abort")
		want = ending{"RolledBack", ""}
	}
	eventually(t, "the rollout is over", func() (bool, string) {
		rec, err := f.read(t)
		return rec != nil && rec.Ended != nil, fmt.Sprintf("%+v (%v)", rec, err)
	})
	f.check(t, fault.release, want)
}
