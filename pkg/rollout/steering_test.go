package rollout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// steered runs a rollout to which people say things at given times after its start.
func steered(t *testing.T, w *world, rec *record.Rollout, say map[time.Duration]record.Command) (took time.Duration, err error) {
	commands := make(chan record.Command)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for at, c := range say {
		time.AfterFunc(at, func() {
			select {
			case commands <- c:
			case <-ctx.Done():
			}
		})
	}
	e := w.engine()
	e.Commands = commands
	began := time.Now()
	err = e.Run(ctx, rec)
	took = time.Since(began)
	close(commands)
	return took, err
}

// healthy takes 10 s, 10 s, a minute and a drain of 5 s.
const healthy = 85 * time.Second

func TestAPauseStopsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		took, err := steered(t, w, rec, map[time.Duration]record.Command{
			5 * time.Second:  {ID: "1", Verb: record.Pause, By: "ann"},
			65 * time.Second: {ID: "2", Verb: record.Resume, By: "bob"},
		})
		if err != nil || rec.State != record.Completed {
			t.Fatalf("got %v in state %s", err, rec.State)
		}
		if want := healthy + time.Minute; took < want || took > want+3*time.Second {
			t.Errorf("took %s, want about %s", took, want)
		}
		if w.happened(event.Paused) != 1 || w.happened(event.Resumed) != 1 || rec.Answer.Command != "2" {
			t.Errorf("paused %d times, resumed %d, last answer %+v", w.happened(event.Paused), w.happened(event.Resumed), rec.Answer)
		}
	})
}

func TestABreachWhilePausedGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady), reading(event.Steady), reading(event.Steady), reading(event.Breached)}}, launch()
		_, err := steered(t, w, rec, map[time.Duration]record.Command{1500 * time.Millisecond: {Verb: record.Pause, By: "ann"}})
		if rec.State != record.RolledBack {
			t.Errorf("got %v in state %s", err, rec.State)
		}
	})
}

func TestAnAbortIsObeyedWhateverGoesOn(t *testing.T) {
	for name, at := range map[string]time.Duration{"in a hold": 15 * time.Second, "while kept": 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
			took, err := steered(t, w, rec, map[time.Duration]record.Command{at: {Verb: record.Abort, By: "ann", Reason: "ticket 1"}})
			var aborted *AbortError
			if !errors.As(err, &aborted) || aborted.By != "ann" || rec.State != record.RolledBack || !strings.Contains(rec.Cause, "ticket 1") {
				t.Errorf("%s: got %v in state %s, cause %q", name, err, rec.State, rec.Cause)
			}
			if took > at+plan.DrainTime+time.Second {
				t.Errorf("%s: took %s", name, took)
			}
		})
	}
}

func TestAHangingTestIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{hangs: "test smoke"}, launch()
		_, err := steered(t, w, rec, map[time.Duration]record.Command{3 * time.Second: {Verb: record.Abort, By: "ann"}})
		if rec.State != record.RolledBack || slices.Contains(w.log, "shift 1") {
			t.Errorf("got %v in state %s: %q", err, rec.State, w.acts())
		}
	})
}

func TestSettlingIsNotAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		_, err := steered(t, w, rec, map[time.Duration]record.Command{healthy - 2*time.Second: {Verb: record.Abort, By: "ann"}})
		if err != nil || rec.State != record.Completed {
			t.Errorf("got %v in state %s", err, rec.State)
		}
	})
}

func TestAManualGateWaitsForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		rec.Steps[4].Manual = true
		took, err := steered(t, w, rec, map[time.Duration]record.Command{time.Hour: {Verb: record.Promote, By: "ann"}})
		if err != nil || took < time.Hour || w.happened(event.Waiting) != 1 {
			t.Errorf("got %v after %s, told %d times", err, took, w.happened(event.Waiting))
		}
	})
}

func TestPromoteFullSkipsToTheLastPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		half := []record.Step{
			{ID: "shift/half", Kind: plan.Shift, State: record.Shifting, Traffic: 50},
			{ID: "hold/half", Kind: plan.Hold, State: record.Shifting, Traffic: 50, For: time.Hour},
		}
		rec.Steps = slices.Insert(rec.Steps, 5, half...)
		took, err := steered(t, w, rec, map[time.Duration]record.Command{2 * time.Second: {Verb: record.Promote, Full: true, By: "ann"}})
		if err != nil || slices.Contains(w.log, "shift 50") || !slices.Contains(w.log, "shift 100") || took > healthy {
			t.Errorf("got %v after %s: %q", err, took, w.acts())
		}
	})
}

func TestARolloutThatAsksPausesOnABreach(t *testing.T) {
	for name, tc := range map[string]struct {
		say   record.Verb
		state record.State
	}{
		"given back":             {record.Abort, record.RolledBack},
		"promoted all the same":  {record.Promote, record.Completed},
		"resumed, and now well":  {record.Resume, record.Completed},
		"nobody says a thing":    {"", record.Paused},
		"asked what can't be so": {"dance", record.Paused},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: [][]Reading{reading(event.Breached), reading(event.Steady)}}, launch()
			rec.Ask = true
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, ErrLost)
			defer cancel()
			commands := make(chan record.Command, 1)
			if tc.say != "" {
				time.AfterFunc(1500*time.Millisecond, func() { commands <- record.Command{ID: "1", Verb: tc.say, By: "ann"} })
			}
			e := w.engine()
			e.Commands = commands
			err := e.Run(ctx, rec)
			close(commands)
			if rec.State != tc.state {
				t.Errorf("%s: state %s (%v)", name, rec.State, err)
			}
			if tc.state == record.Paused && slices.Contains(w.log, "restore") {
				t.Errorf("%s: went back by itself", name)
			}
		})
	}
}

func TestSilentKPIsPauseWhereTheBlueprintSaysSo(t *testing.T) {
	silent := reading(event.Inconclusive)
	silent[0].Pause = true
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{silent}}, launch()
		_, err := steered(t, w, rec, map[time.Duration]record.Command{time.Hour: {Verb: record.Abort, By: "ann"}})
		if w.happened(event.Paused) != 1 || rec.State != record.RolledBack {
			t.Errorf("paused %d times, then %v in state %s", w.happened(event.Paused), err, rec.State)
		}
	})
}

func TestSettleEndsTheKeepWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		took, err := steered(t, w, rec, map[time.Duration]record.Command{
			5 * time.Second:  {ID: "1", Verb: record.Settle, By: "ann"}, // in a phase: there is nothing to end yet
			30 * time.Second: {ID: "2", Verb: record.Settle, By: "ann", Reason: "ticket 1"},
		})
		if err != nil || rec.State != record.Completed || took > 40*time.Second {
			t.Errorf("got %v in state %s after %s", err, rec.State, took)
		}
		if !strings.Contains(rec.Answer.Text, "keep window is over") || rec.Answer.Command != "2" {
			t.Errorf("answered %+v", rec.Answer)
		}
		if keep := rec.Steps[7]; keep.For > 10*time.Second || !strings.Contains(keep.Done, keep.For.String()) {
			t.Errorf("the record says it was kept for %s: %q", keep.For, keep.Done)
		}
	})
}

func TestSettleOutsideTheKeepWindowSaysHowToGetThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		took, err := steered(t, w, rec, map[time.Duration]record.Command{5 * time.Second: {ID: "1", Verb: record.Settle, By: "ann"}})
		if err != nil || took < healthy {
			t.Errorf("got %v after %s", err, took)
		}
		if !strings.Contains(rec.Answer.Text, "Shifting with 1% on blue") || !strings.Contains(rec.Answer.Text, "promote food-v2 --full") {
			t.Errorf("answered %q", rec.Answer.Text)
		}
	})
}

func TestAPauseMovesTheKeepWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, launch()
		took, err := steered(t, w, rec, map[time.Duration]record.Command{
			30 * time.Second: {ID: "1", Verb: record.Pause, By: "ann"},
			90 * time.Second: {ID: "2", Verb: record.Resume, By: "ann"},
		})
		if want := healthy + time.Minute; err != nil || took < want || took > want+3*time.Second {
			t.Errorf("got %v after %s, want about %s", err, took, want)
		}
		if late := rec.Steps[8].Started.Sub(rec.Steps[7].Started.Add(rec.Steps[7].For)); late < 0 || late > 2*time.Second {
			t.Errorf("by the record, it settled %s after the window's end", late)
		}
	})
}
