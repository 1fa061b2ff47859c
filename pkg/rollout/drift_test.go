package rollout

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

func TestDriftIsPutRightOrEndsThePhase(t *testing.T) {
	weight := Drift{Text: "httproute n/food was changed by kubectl-edit: weight: 1 → 9"}
	at := func(d Drift, percent int, after ...time.Duration) (all []drifting) {
		for _, a := range after {
			all = append(all, drifting{d, percent, a})
		}
		return all
	}
	const s = time.Second
	for name, tc := range map[string]struct {
		drifts []drifting
		shifts int // to that share, the phase's own among them
		share  string
		state  record.State
		cause  string
	}{
		"nobody changes anything":    {nil, 1, "shift 1", record.Completed, ""},
		"one change is put right":    {at(weight, 1, 3*s), 2, "shift 1", record.Completed, ""},
		"two are":                    {at(weight, 1, 3*s, 2*s), 3, "shift 1", record.Completed, ""},
		"a third goes back":          {at(weight, 1, 3*s, 2*s, s), 3, "shift 1", record.RolledBack, "someone else keeps writing it"},
		"in what is kept, too":       {at(weight, 100, 3*s), 2, "shift 100", record.Completed, ""},
		"what is gone can't be kept": {at(Drift{Text: "httproute n/food was changed: rule 0 no longer names service food", Lost: true}, 1, 3*s), 1, "shift 1", record.RolledBack, "no longer names service food"},
		"what follows is no change":  {at(Drift{Text: weight.Text, Stale: true}, 1, 3*s, s, s, s), 5, "shift 1", record.Completed, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: [][]Reading{reading(event.Steady)}, drifts: tc.drifts}, launch()
			stale := len(tc.drifts) > 0 && tc.drifts[0].Stale
			err := w.engine().Run(t.Context(), rec)
			if rec.State != tc.state || !strings.Contains(rec.Cause, tc.cause) {
				t.Errorf("%s: %v in state %s, cause %q", name, err, rec.State, rec.Cause)
			}
			shifts := len(w.acts()) - len(slices.DeleteFunc(w.acts(), func(a string) bool { return a == tc.share }))
			if shifts != tc.shifts {
				t.Errorf("%s: the share was written %d times, want %d: %q", name, shifts, tc.shifts, w.acts())
			}
			told := slices.ContainsFunc(w.events, func(e event.Event) bool {
				return e.Type == event.Warning && strings.Contains(e.Message, "by kubectl-edit: weight: 1 → 9")
			})
			if told != (tc.shifts > 1 && !stale) {
				t.Errorf("%s: drift was told: %v", name, told)
			}
			var drift *DriftError
			if errors.As(err, &drift) != (tc.state == record.RolledBack) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// A hold that ends takes its guard with it: nobody writes the old share once the next step has begun.
func TestNothingIsPutRightAfterTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := drifting{Drift{Text: "late"}, 1, 10*time.Second + time.Millisecond}
		w := &world{rounds: [][]Reading{reading(event.Steady)}, drifts: []drifting{late}}
		if err := w.engine().Run(t.Context(), launch()); err != nil {
			t.Fatal(err)
		}
		if acts := w.acts(); slices.Contains(acts[slices.Index(acts, "shift 100"):], "shift 1") {
			t.Errorf("the old share was written again: %q", acts)
		}
	})
}
