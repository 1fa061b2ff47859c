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
			if want := []string{"restore", "observed", "clean", "remove svc-blue"}; !slices.Equal(w.acts(), want) {
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
