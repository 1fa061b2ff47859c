package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// world is everything the engine touches, as a log of what was done in order. fails says what breaks, and how often.
type world struct {
	log     []string
	fails   map[string]int
	how     error       // they fail with, unless it is enough that they do
	rounds  [][]Reading // one for each round; the last repeats
	onRound func()
	onSave  func()
	lost    bool   // another process has written the record
	hangs   string // an act that ends with its context only
	takes   map[string]time.Duration
	drifts  []drifting

	mu     sync.Mutex // guards log and events: a guard puts drift right, and tells of it, while the loop goes on
	events []event.Event
}

// drifting is what someone else does to the routers some time after their share was written or put right.
type drifting struct {
	Drift
	at    int
	after time.Duration
}

func (w *world) do(act string) error {
	time.Sleep(w.takes[act])
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails[act] > 0 {
		w.fails[act]--
		w.log = append(w.log, "FAIL "+act)
		return cmp.Or(w.how, errors.New(act+" broke"))
	}
	w.log = append(w.log, act)
	return nil
}

func (w *world) Install(_ context.Context, release string, progress func(string)) (string, error) {
	progress("0/1 ready")
	return "1/1 ready", w.do("install " + release)
}
func (w *world) Isolated(context.Context) error { return w.do("isolated") }
func (w *world) Upgrade(_ context.Context, release string, _ func(string)) error {
	return w.do("upgrade " + release)
}
func (w *world) Remove(_ context.Context, release string) error { return w.do("remove " + release) }
func (w *world) Run(ctx context.Context, test string, log func(string)) error {
	log("hello")
	if w.hangs == "test "+test {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return w.do("test " + test)
}
func (w *world) Clean(context.Context) error { return w.do("clean") }
func (w *world) Shift(_ context.Context, _ string, percent int) error {
	return w.do(fmt.Sprintf("shift %d", percent))
}
func (w *world) Restore(context.Context) error  { return w.do("restore") }
func (w *world) Observed(context.Context) error { return w.do("observed") }
func (w *world) Drifted(ctx context.Context, _ string, percent int) (Drift, error) {
	for i, d := range w.drifts {
		if d.at != percent {
			continue
		}
		w.drifts = slices.Delete(w.drifts, i, i+1)
		return d.Drift, sleep(ctx, d.after)
	}
	<-ctx.Done()
	return Drift{}, context.Cause(ctx)
}
func (w *world) Wait() time.Duration         { return time.Second }
func (w *world) Begin(context.Context) error { return w.do("begin") }
func (w *world) Round(context.Context) ([]Reading, error) {
	if w.onRound != nil {
		w.onRound()
	}
	if len(w.rounds) == 0 {
		return nil, nil
	}
	r := w.rounds[0]
	if len(w.rounds) > 1 {
		w.rounds = w.rounds[1:]
	}
	return r, nil
}
func (w *world) Emit(e event.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *world) Save(context.Context, *record.Rollout) error {
	if w.lost {
		return ErrLost
	}
	if w.onSave != nil {
		w.onSave()
	}
	return w.do("save")
}

func (w *world) engine() *Engine {
	return &Engine{Slots: w, Tests: w, Routers: w, Sentinel: w, Records: w, Events: w}
}

// acts is the log without the record's writes.
func (w *world) acts() []string {
	return slices.DeleteFunc(slices.Clone(w.log), func(s string) bool { return s == "save" || s == "begin" })
}

func (w *world) happened(t event.Type) int {
	return len(slices.DeleteFunc(slices.Clone(w.events), func(e event.Event) bool { return e.Type != t }))
}

func reading(v event.Verdict) []Reading {
	return []Reading{{Reading: event.Reading{Name: "error_rate", Verdict: v, Reason: "2.1% > 0.5%"}}}
}

func launch() *record.Rollout {
	step := func(kind, name string, state record.State, traffic int, hold time.Duration) record.Step {
		return record.Step{ID: kind + "/" + name, Kind: kind, State: state, Release: name, Test: name, Traffic: traffic, For: hold}
	}
	return &record.Rollout{ID: "food-v2", App: "food", Started: time.Now(), Steps: []record.Step{
		step(plan.Install, "svc-blue", record.Preparing, 0, 0),
		step(plan.Isolate, "", record.Preparing, 0, 0),
		step(plan.Test, "smoke", record.Testing, 0, 0),
		step(plan.Shift, "canary", record.Shifting, 1, 0),
		step(plan.Hold, "canary", record.Shifting, 1, 10*time.Second),
		step(plan.Shift, "full", record.Shifting, 100, 0),
		step(plan.Hold, "full", record.Shifting, 100, 10*time.Second),
		step(plan.Keep, "", record.Keeping, 100, time.Minute),
		step(plan.Upgrade, "svc-blue", record.Settling, 0, 0),
		step(plan.Return, "", record.Settling, 0, 0),
		step(plan.Drain, "", record.Settling, 0, 5*time.Second),
		step(plan.Remove, "svc-blue", record.Settling, 0, 0),
	}}
}

func TestRun(t *testing.T) {
	back := []string{"restore", "observed", "restore", "observed", "clean", "remove svc-blue"}
	begun := []string{"install svc-blue", "isolated", "test smoke", "shift 1", "observed"}
	for name, tc := range map[string]struct {
		world *world
		acts  []string
		state record.State
	}{
		"a healthy release settles": {
			&world{rounds: [][]Reading{reading(event.Steady)}},
			append(slices.Clone(begun), "shift 100", "observed", "upgrade svc-blue", "restore", "observed", "remove svc-blue"),
			record.Completed,
		},
		"a breach at the first phase goes back, green first": {
			&world{rounds: [][]Reading{reading(event.Breached)}},
			append(slices.Clone(begun), back...),
			record.RolledBack,
		},
		"green's write is tried until it works": {
			&world{rounds: [][]Reading{reading(event.Breached)}, fails: map[string]int{"restore": 3}},
			append(slices.Clone(begun), "FAIL restore", "FAIL restore", "FAIL restore", "restore", "observed", "restore", "observed", "clean", "remove svc-blue"),
			record.RolledBack,
		},
		"a first sample that can't be taken is no failure": {
			&world{rounds: [][]Reading{reading(event.Steady)}, fails: map[string]int{"begin": 1}},
			append(append(slices.Clone(begun), "FAIL begin"), "shift 100", "observed", "upgrade svc-blue", "restore", "observed", "remove svc-blue"),
			record.Completed,
		},
		"no data is not success": {
			&world{rounds: [][]Reading{reading(event.Inconclusive)}},
			append(slices.Clone(begun), back...),
			record.RolledBack,
		},
		"no data that may be ignored holds nothing up": {
			&world{rounds: [][]Reading{{{Reading: event.Reading{Verdict: event.Inconclusive}, Ignore: true}}}},
			append(slices.Clone(begun), "shift 100", "observed", "upgrade svc-blue", "restore", "observed", "remove svc-blue"),
			record.Completed,
		},
		"a failed test moves no traffic and touches no router": {
			&world{fails: map[string]int{"test smoke": 1}},
			[]string{"install svc-blue", "isolated", "FAIL test smoke", "clean", "remove svc-blue"},
			record.RolledBack,
		},
		"a failed install removes what it left": {
			&world{fails: map[string]int{"install svc-blue": 1}},
			[]string{"FAIL install svc-blue", "clean", "remove svc-blue"},
			record.RolledBack,
		},
		"a leak is found before any test or traffic": {
			&world{fails: map[string]int{"isolated": 1}},
			[]string{"install svc-blue", "FAIL isolated", "clean", "remove svc-blue"},
			record.RolledBack,
		},
		"a shift that fails half-way goes back": {
			&world{fails: map[string]int{"shift 1": 1}},
			append([]string{"install svc-blue", "isolated", "test smoke", "FAIL shift 1"}, back...),
			record.RolledBack,
		},
		"a settling that fails halts with blue serving": {
			&world{rounds: [][]Reading{reading(event.Steady)}, fails: map[string]int{"upgrade svc-blue": 1}},
			append(slices.Clone(begun), "shift 100", "observed", "FAIL upgrade svc-blue"),
			record.Halted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, rec := tc.world, launch()
				err := w.engine().Run(t.Context(), rec)
				if got := w.acts(); !slices.Equal(got, tc.acts) {
					t.Errorf("acts\n got %q\nwant %q", got, tc.acts)
				}
				if rec.State != tc.state {
					t.Errorf("state %s, want %s (%v)", rec.State, tc.state, err)
				}
				var back *RolledBackError
				if errors.As(err, &back) != (tc.state == record.RolledBack) {
					t.Errorf("error %v does not fit state %s", err, tc.state)
				}
			})
		})
	}
}

func TestUnobservedRouterKeepsBlue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{rounds: [][]Reading{reading(event.Breached)}}
		w.onRound = func() { w.fails = map[string]int{"observed": 1} }
		rec := launch()
		err := w.engine().Run(t.Context(), rec)
		if slices.Contains(w.log, "remove svc-blue") {
			t.Errorf("blue was removed though the router had not seen its weight: %q", w.acts())
		}
		var halted *HaltedError
		if !errors.As(err, &halted) || rec.State != record.Halted {
			t.Errorf("got %v in state %s, want a halt", err, rec.State)
		}
	})
}

func TestInterruptRollsBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		w := &world{rounds: [][]Reading{reading(event.Steady)}, onRound: func() { cancel(errors.New("interrupted")) }}
		rec := launch()
		err := w.engine().Run(ctx, rec)
		if err == nil || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("got %v, want the interrupt as cause", err)
		}
		if n := w.happened(event.RolledBack); n != 1 || rec.State != record.RolledBack {
			t.Errorf("%d rollbacks, state %s", n, rec.State)
		}
	})
}

func TestSettlingIsNotInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		w := &world{rounds: [][]Reading{reading(event.Steady)}}
		rec := launch()
		time.AfterFunc(10*time.Second+11*time.Second+time.Minute+2*time.Second, func() { cancel(errors.New("interrupted")) }) // in the drain
		if err := w.engine().Run(ctx, rec); err != nil || rec.State != record.Completed {
			t.Errorf("got %v in state %s", err, rec.State)
		}
	})
}

func TestLostRolloutIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		w := &world{rounds: [][]Reading{reading(event.Steady)}, onRound: func() { cancel(ErrLost) }}
		err := w.engine().Run(ctx, launch())
		if !errors.Is(err, ErrLost) {
			t.Errorf("got %v", err)
		}
		if slices.Contains(w.log, "restore") || slices.Contains(w.log, "remove svc-blue") {
			t.Errorf("wrote after the loss: %q", w.acts())
		}
	})
}

func TestAnotherWritersRecordEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{rounds: [][]Reading{reading(event.Steady)}}
		w.onRound = func() { w.lost = true }
		if err := w.engine().Run(t.Context(), launch()); !errors.Is(err, ErrLost) || slices.Contains(w.log, "restore") {
			t.Errorf("got %v after %q", err, w.acts())
		}
	})
}

func TestDoneStepsAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		for i := range rec.Steps[:7] {
			rec.Steps[i].Progress = record.Done
		}
		if err := w.engine().Run(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		if want := []string{"upgrade svc-blue", "restore", "observed", "remove svc-blue"}; !slices.Equal(w.acts(), want) {
			t.Errorf("got %q, want %q", w.acts(), want)
		}
	})
}

func TestDecide(t *testing.T) {
	const s = time.Second
	for name, tc := range map[string]struct {
		verdict event.Verdict
		held    time.Duration
		limit   time.Duration
		over    bool
		failed  bool
	}{
		"steady, too early":            {event.Steady, 5 * s, 70 * s, false, false},
		"steady, held long enough":     {event.Steady, 10 * s, 70 * s, true, false},
		"breached at once":             {event.Breached, 1 * s, 70 * s, true, true},
		"inconclusive within patience": {event.Inconclusive, 30 * s, 70 * s, false, false},
		"inconclusive past patience":   {event.Inconclusive, 70 * s, 70 * s, true, true},
		"inconclusive while kept":      {event.Inconclusive, 10 * s, forever, true, false},
		"no verdict at all":            {"", 70 * s, 70 * s, true, true},
		"in doubt within patience":     {"doubt", 30 * s, 70 * s, false, false},
		"in doubt past patience":       {"doubt", 70 * s, 70 * s, true, false},
	} {
		readings := reading(tc.verdict)
		if tc.verdict == "doubt" {
			readings[0].Verdict, readings[0].Open = event.Inconclusive, true
		}
		over, err := decide(readings, tc.held, 10*s, tc.limit)
		if over != tc.over || (err != nil) != tc.failed {
			t.Errorf("%s: got over=%v err=%v", name, over, err)
		}
	}
}
