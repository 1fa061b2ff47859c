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

// cutShort is a rollout whose process ended in its n-th step.
func cutShort(n, traffic int) *record.Rollout {
	rec, began := launch(), time.Now()
	for i := range rec.Steps[:n] {
		rec.Steps[i].Progress, rec.Steps[i].Started = record.Done, &began
	}
	rec.Steps[n].Progress, rec.Steps[n].Started = record.Running, &began
	rec.State, rec.Traffic = rec.Steps[n].State, traffic
	return rec
}

func TestResume(t *testing.T) {
	settled := []string{"restore", "observed", "remove svc-blue"}
	for name, tc := range map[string]struct {
		rec  *record.Rollout
		acts []string
	}{
		"a test's job goes before it runs again": {cutShort(2, 0), []string{"clean", "test smoke", "shift 1", "observed"}},
		"a held share is given again":            {cutShort(4, 1), []string{"shift 1", "observed", "shift 100", "observed", "upgrade svc-blue"}},
		"what is kept, too":                      {cutShort(7, 100), []string{"shift 100", "observed", "upgrade svc-blue"}},
		"green is upgraded while blue serves":    {cutShort(8, 100), append([]string{"shift 100", "observed", "upgrade svc-blue"}, settled...)},
		"green that serves keeps its traffic":    {cutShort(9, 100), settled},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{rounds: [][]Reading{reading(event.Steady)}}
			if err := w.engine().Run(t.Context(), tc.rec); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := w.acts(); !slices.Equal(got[:min(len(got), len(tc.acts))], tc.acts) {
				t.Errorf("%s: got %q, want it to begin with %q", name, got, tc.acts)
			}
		})
	}
}

func TestAWayBackThatWasCutShortGoesOn(t *testing.T) {
	for name, say := range map[string]func(context.Context, *Engine, *record.Rollout) error{
		"by resume": func(ctx context.Context, e *Engine, rec *record.Rollout) error { return e.Run(ctx, rec) },
		"by abort": func(ctx context.Context, e *Engine, rec *record.Rollout) error {
			return e.Back(ctx, rec, &AbortError{By: "ann"})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec, began := &world{}, cutShort(4, 0), time.Now()
			rec.State, rec.Cause = record.RollingBack, "error_rate 2.1% > 0.5%"
			err := say(t.Context(), w.engine(), rec)
			var back *RolledBackError
			if !errors.As(err, &back) || rec.State != record.RolledBack || !strings.Contains(rec.Cause, "error_rate") {
				t.Errorf("%s: got %v in state %s, cause %q", name, err, rec.State, rec.Cause)
			}
			if want := []string{"restore", "observed", "restore", "observed", "clean", "remove svc-blue"}; !slices.Equal(w.acts(), want) {
				t.Errorf("%s: got %q, want %q", name, w.acts(), want)
			}
			if took := time.Since(began); took < plan.DrainTime {
				t.Errorf("%s: blue was removed after %s, before its last requests had ended", name, took)
			}
		})
	}
}

func TestSettlingHasNoWayBack(t *testing.T) {
	w, rec := &world{}, cutShort(8, 100)
	err := w.engine().Back(t.Context(), rec, &AbortError{By: "ann"})
	if err == nil || !strings.Contains(err.Error(), "resume") || len(w.log) > 0 || rec.State != record.Settling {
		t.Errorf("got %v in state %s, and did %q", err, rec.State, w.log)
	}
}

// The window that green is kept warm for goes on while no process drives; a phase is held anew.
func TestWhatIsLeftOfAHold(t *testing.T) {
	for name, tc := range map[string]struct {
		step int
		ago  time.Duration
		want time.Duration
	}{
		"a kept green that has 20 s left":       {7, 40 * time.Second, 20 * time.Second},
		"a kept green whose window is over":     {7, time.Hour, time.Second},
		"a phase whose process died at its end": {6, 9 * time.Second, 10*time.Second + time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, cutShort(tc.step, 100)
			began := time.Now().Add(-tc.ago)
			rec.Steps[tc.step].Started = &began
			resumed := time.Now()
			if err := w.engine().Run(t.Context(), rec); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if took := time.Since(resumed) - plan.DrainTime; took < tc.want || took > tc.want+2*time.Second {
				t.Errorf("%s: it settled after %s, want %s", name, took, tc.want)
			}
		})
	}
}

func TestResumeSaysWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, cutShort(7, 100)
		e, began := w.engine(), time.Now()
		e.Resume(rec, record.Command{Verb: record.Settle, By: "ann", Reason: "ticket 1"})
		if err := e.Run(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		if w.events[0].Type != event.Resumed || w.events[0].Message != "settled by ann: ticket 1" {
			t.Errorf("the first event is %+v", w.events[0])
		}
		if took := time.Since(began) - plan.DrainTime; took > 2*time.Second {
			t.Errorf("green was kept for %s more", took)
		}
	})
}

func TestRetry(t *testing.T) {
	for name, tc := range map[string]struct {
		fails map[string]int
		round event.Verdict
		acts  []string // of the retry
		state record.State
	}{
		"a settling that failed goes on where it did, while blue serves": {
			map[string]int{"upgrade svc-blue": 1}, event.Steady,
			[]string{"shift 100", "observed", "upgrade svc-blue", "restore", "observed", "remove svc-blue"}, record.Completed,
		},
		"a way back that failed goes on to green": {
			map[string]int{"remove svc-blue": 1}, event.Breached,
			[]string{"restore", "observed", "restore", "observed", "clean", "remove svc-blue"}, record.RolledBack,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: [][]Reading{reading(tc.round)}, fails: tc.fails}, launch()
			err := w.engine().Run(t.Context(), rec)
			var halted *HaltedError
			if !errors.As(err, &halted) || rec.State != record.Halted {
				t.Fatalf("%s: got %v in state %s, want a halt", name, err, rec.State)
			}
			w.log = nil
			e := w.engine()
			e.Resume(rec, record.Command{Verb: record.Retry, By: "ann"})
			err = e.Run(t.Context(), rec)
			if rec.State != tc.state || rec.Ended == nil {
				t.Errorf("%s: got %v in state %s", name, err, rec.State)
			}
			if got := w.acts(); !slices.Equal(got, tc.acts) {
				t.Errorf("%s: got %q, want %q", name, got, tc.acts)
			}
		})
	}
}
