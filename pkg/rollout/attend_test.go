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

// answers are what each save of the record said to whom.
func (w *world) answers(rec *record.Rollout) map[string]string {
	said := map[string]string{}
	w.onSave = func() {
		if rec.Answer != nil && said[rec.Answer.Command] == "" {
			said[rec.Answer.Command] = time.Since(rec.Started).String() + ": " + rec.Answer.Text
		}
	}
	return said
}

// Who speaks while a step is busy is answered at once, and traffic stands still before it would move.
func TestWhoSpeaksWhileAStepIsBusyIsHeard(t *testing.T) {
	const s = time.Second
	pause, resume := record.Command{ID: "1", Verb: record.Pause, By: "ann"}, record.Command{ID: "2", Verb: record.Resume, By: "bob"}
	for name, tc := range map[string]struct {
		busy   string // this takes half a minute
		say    map[time.Duration]record.Command
		takes  time.Duration
		answer map[string]string
		paused int
		state  record.State
		lacks  string // an act that is not done
	}{
		"a pause in a test": {
			"test smoke", map[time.Duration]record.Command{5 * s: pause, 60 * s: resume}, healthy + 60*s,
			map[string]string{"1": "5s: it pauses after this", "2": "1m0s: it goes on"}, 1, record.Completed, "-",
		},
		"a pause that is taken back": {
			"install svc-blue", map[time.Duration]record.Command{5 * s: pause, 20 * s: resume}, healthy + 30*s,
			map[string]string{"1": "5s: it pauses after this", "2": "20s: it goes on"}, 0, record.Completed, "-",
		},
		"a pause, and everything at once": {
			"install svc-blue", map[time.Duration]record.Command{5 * s: pause, 60 * s: {ID: "2", Verb: record.Promote, Full: true}}, healthy + 50*s,
			map[string]string{"1": "5s: it pauses after this", "2": "1m0s: promoted"}, 1, record.Completed, "shift 1",
		},
		"a pause while a router takes its time": {
			"observed", map[time.Duration]record.Command{5 * s: pause, 90 * s: resume}, healthy + 150*s,
			map[string]string{"1": "5s: it pauses after this", "2": "1m30s: it goes on"}, 1, record.Completed, "-",
		},
		"an abort of what stands still": {
			"test smoke", map[time.Duration]record.Command{5 * s: pause, 60 * s: {ID: "2", Verb: record.Abort}}, 60 * s,
			map[string]string{"1": "5s: it pauses after this"}, 1, record.RolledBack, "shift 1",
		},
		"a gate that is not there yet": {
			"install svc-blue", map[time.Duration]record.Command{5 * s: {ID: "1", Verb: record.Promote}}, healthy + 30*s,
			map[string]string{"1": "5s: it is Preparing with 0% on blue, and nothing waits"}, 0, record.Completed, "-",
		},
		"a pause of what can't stand still": {
			"upgrade svc-blue", map[time.Duration]record.Command{90 * s: pause}, healthy + 30*s,
			map[string]string{"1": "1m30s: it is settling"}, 0, record.Completed, "-",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: [][]Reading{reading(event.Steady)}, takes: map[string]time.Duration{tc.busy: 30 * s}}, launch()
			answers := w.answers(rec)
			took, err := steered(t, w, rec, tc.say)
			if rec.State != tc.state {
				t.Errorf("%s: state %s: %v", name, rec.State, err)
			}
			if took < tc.takes || took > tc.takes+5*s {
				t.Errorf("%s: took %s, want about %s", name, took, tc.takes)
			}
			for id, want := range tc.answer {
				if !strings.HasPrefix(answers[id], want) {
					t.Errorf("%s: command %s was answered %q, want %q", name, id, answers[id], want)
				}
			}
			if n := w.happened(event.Paused); n != tc.paused {
				t.Errorf("%s: paused %d times, want %d", name, n, tc.paused)
			}
			if slices.Contains(w.log, tc.lacks) {
				t.Errorf("%s: %s was done: %v", name, tc.lacks, w.acts())
			}
		})
	}
}

// A pause that was asked for goes along to the standby.
func TestAPauseIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{rounds: [][]Reading{reading(event.Steady)}, takes: map[string]time.Duration{"install svc-blue": 30 * time.Second}}
		rec := guarded(false)
		commands := make(chan record.Command, 1)
		commands <- record.Command{ID: "1", Verb: record.Pause, By: "ann"}
		e := w.engine()
		e.Standby, e.LeaveAt, e.Commands = reserve{w}, "test/smoke", commands
		err := e.Run(t.Context(), rec)
		close(commands)
		if err != nil || !rec.Detached || rec.State != record.Paused || rec.Cause != "paused by ann" {
			t.Errorf("left in state %s (%q): %v", rec.State, rec.Cause, err)
		}
		on := w.engine()
		on.Standby = reserve{w}
		ended := make(chan error, 1)
		go func() { ended <- on.Run(t.Context(), rec) }()
		time.Sleep(time.Hour)
		if synctest.Wait(); slices.Contains(w.acts(), "shift 1") || rec.State != record.Paused {
			t.Errorf("in state %s it did %v", rec.State, w.acts())
		}
		on.steer.add(record.Command{ID: "2", Verb: record.Resume, By: "ann"})
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A launcher that has lost its rollout while it was busy stops, and what it was busy with does too.
func TestWhoHasLostTheRolloutWhileBusyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := &world{hangs: "test smoke", rounds: [][]Reading{reading(event.Steady)}}, launch()
		w.onSave = func() { w.lost = rec.State == record.Testing } // the next save finds out
		_, err := steered(t, w, rec, map[time.Duration]record.Command{5 * time.Second: {ID: "1", Verb: record.Pause}})
		if !errors.Is(err, ErrLost) || slices.Contains(w.acts(), "restore") {
			t.Errorf("got %v after %v", err, w.acts())
		}
	})
}
