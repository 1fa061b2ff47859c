package rollout

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// both is a breach that green has as well, well a round in which nothing is wrong with either.
func both() []Reading {
	r := reading(event.Breached)
	r[0].Outage, r[0].Ill = true, true
	return r
}

func TestAnOutageIsNotTheRelease(t *testing.T) {
	unsure := reading(event.Steady)
	unsure[0].Ill = true
	for name, tc := range map[string]struct {
		rounds [][]Reading // of an hour of seconds; then all is steady
		state  record.State
		paused int
		took   time.Duration // beyond what a healthy launch takes
	}{
		"green recovers, it goes on by itself":     {slices.Concat(repeat(both(), 20), repeat(unsure, 100)), record.Completed, 1, 119 * time.Second},
		"green is never sure":                      {repeat(unsure, 20), record.Completed, 0, 0},
		"blue alone is still bad after the outage": {slices.Concat(repeat(both(), 20), repeat(reading(event.Breached), 1)), record.RolledBack, 1, 0},
		"it comes back before it was over":         {slices.Concat(repeat(both(), 5), repeat(reading(event.Steady), 20), repeat(both(), 5)), record.Completed, 1, 59 * time.Second},
		"blue has another breach of its own":       {[][]Reading{append(both(), reading(event.Breached)...)}, record.RolledBack, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: append(slices.Clone(tc.rounds), reading(event.Steady))}, launch()
			took, err := steered(t, w, rec, nil)
			if rec.State != tc.state || w.happened(event.Paused) != tc.paused {
				t.Fatalf("%s: state %s, paused %d times (%v)", name, rec.State, w.happened(event.Paused), err)
			}
			if extra := took - healthy; tc.state == record.Completed && (extra < tc.took || extra > tc.took+3*time.Second) {
				t.Errorf("%s: took %s longer, want %s", name, extra, tc.took)
			}
		})
	}
}

func repeat(r []Reading, n int) [][]Reading { return slices.Repeat([][]Reading{r}, n) }

func TestAPersonEndsAnOutagesPause(t *testing.T) {
	for verb, state := range map[record.Verb]record.State{record.Abort: record.RolledBack, record.Promote: record.Completed} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: append(repeat(both(), 60), reading(event.Steady))}, launch()
			_, err := steered(t, w, rec, map[time.Duration]record.Command{time.Minute: {Verb: verb, By: "ann"}})
			if rec.State != state || w.happened(event.Paused) != 1 {
				t.Errorf("%s: state %s, paused %d times (%v)", verb, rec.State, w.happened(event.Paused), err)
			}
		})
	}
}

func TestProvenHealthEndsAPhase(t *testing.T) {
	good := reading(event.Steady)
	good[0].Total, good[0].Proven = 5000, true
	value := Reading{Reading: event.Reading{Name: "queue", Verdict: event.Steady}}
	notYet := reading(event.Steady)
	notYet[0].Total = 300
	for name, tc := range map[string]struct {
		rounds [][]Reading
		saved  time.Duration // of the first phase's 10 s
	}{
		"proven in the third round":        {[][]Reading{notYet, notYet, append(slices.Clone(good), value)}, 7 * time.Second},
		"never":                            {[][]Reading{notYet}, 0},
		"without KPIs there is no proof":   {nil, 0},
		"not as long as another is silent": {[][]Reading{append(slices.Clone(good), Reading{Reading: event.Reading{Name: "p99", Verdict: event.Inconclusive}, Ignore: true})}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := &world{rounds: tc.rounds}, launch()
			rec.Steps[4].Proven = true
			took, err := steered(t, w, rec, nil)
			if saved := healthy - took; err != nil || saved < tc.saved-time.Second || saved > tc.saved+time.Second {
				t.Errorf("%s: saved %s, want %s (%v)", name, saved, tc.saved, err)
			}
		})
	}
}
