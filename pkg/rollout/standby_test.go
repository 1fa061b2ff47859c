package rollout

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// reserve is a standby in memory.
type reserve struct{ w *world }

func (r reserve) Prepare(context.Context, func(string)) error { return r.w.do("place standby") }
func (r reserve) Remove(context.Context) error                { return r.w.do("remove standby") }

// guarded is a launch with a standby, which may be left out when it can't be had.
func guarded(optional bool) *record.Rollout {
	rec := launch()
	rec.Steps = slices.Insert(rec.Steps, 2, record.Step{
		ID: plan.Standby, Kind: plan.Standby, State: record.Preparing, Title: "place a standby", Done: "A standby is there", Optional: optional,
	})
	return rec
}

func TestStandby(t *testing.T) {
	for name, tc := range map[string]struct {
		optional bool
		leaveAt  string
		fails    map[string]int
		last     []string // acts
		state    record.State
		detached bool
	}{
		"it is removed once the rollout is over": {
			leaveAt: "", last: []string{"remove svc-blue", "remove standby"}, state: record.Completed,
		},
		"it gets the keep window": {
			leaveAt: "keep/", last: []string{"shift 100", "observed", "place standby"}, state: record.Shifting, detached: true,
		},
		"it gets everything at once": {
			leaveAt: "test/smoke", last: []string{"place standby", "place standby"}, state: record.Preparing, detached: true,
		},
		"its launcher stays when it is gone by then": {
			leaveAt: "keep/", fails: map[string]int{"place standby": 0}, last: []string{"remove svc-blue", "remove standby"}, state: record.Completed,
		},
		"an optional one that can't be had is left out": {
			optional: true, leaveAt: "keep/", fails: map[string]int{"place standby": 9},
			last: []string{"remove svc-blue", "remove standby"}, state: record.Completed,
		},
		"without a required one no traffic moves": {
			fails: map[string]int{"place standby": 9},
			last:  []string{"FAIL place standby", "clean", "remove svc-blue", "remove standby"}, state: record.RolledBack,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{rounds: [][]Reading{reading(event.Steady)}, fails: tc.fails}
				if n, set := tc.fails["place standby"]; set && n == 0 { // it is there at first
					w.onRound = func() { w.fails["place standby"] = 1 }
				}
				rec := guarded(tc.optional)
				e := w.engine()
				e.Standby, e.LeaveAt = reserve{w}, tc.leaveAt
				err := e.Run(t.Context(), rec)
				acts := w.acts()
				if got := acts[max(0, len(acts)-len(tc.last)):]; !slices.Equal(got, tc.last) || rec.State != tc.state || rec.Detached != tc.detached {
					t.Errorf("%s, detached %v, after %q (%v)", rec.State, rec.Detached, acts, err)
				}
				if left := rec.Steps[2].Note != ""; tc.optional && (!left || rec.Steps[2].Done != "" || rec.Standby) {
					t.Errorf("a standby that was left out is told as one that is there: %+v", rec.Steps[2])
				}
				if tc.detached != (w.happened(event.HandedOver) == 1) {
					t.Errorf("it was handed over %d times", w.happened(event.HandedOver))
				}
			})
		})
	}
}

func TestAStandbyThatSucceedsAPausedOneHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{rounds: [][]Reading{reading(event.Steady)}}, cutShort(4, 1)
		rec.State, rec.Detached, rec.Cause = record.Paused, true, "its launcher fell silent"
		took, err := steered(t, w, rec, map[time.Duration]record.Command{
			time.Hour: {ID: "1", Verb: record.Resume, By: "ann"},
		})
		if err != nil || took < time.Hour || w.happened(event.Paused) != 1 {
			t.Errorf("it held %s and was paused %d times (%v)", took, w.happened(event.Paused), err)
		}
	})
}

func TestSilenceSaysWhoTookOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{}, cutShort(4, 1)
		err := w.engine().Back(t.Context(), rec, &SilenceError{Launcher: "ann@laptop", By: "the standby (pod x)"})
		if err == nil || rec.State != record.RolledBack || !strings.Contains(rec.Cause, "ann@laptop, fell silent; the standby (pod x) took over") {
			t.Errorf("got %v, and the record says %s: %s", err, rec.State, rec.Cause)
		}
	})
}
