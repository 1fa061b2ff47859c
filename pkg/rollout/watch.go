package rollout

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

const (
	forever = time.Duration(math.MaxInt64)
	// minPatience is the least time that inconclusive KPIs are waited for beyond a phase's hold.
	minPatience = time.Minute
	// roundTime is the least time limit of one round of samples.
	roundTime = 5 * time.Second
)

// Reading is a KPI's reading, with what the blueprint wants done when it stays inconclusive.
type Reading struct {
	event.Reading
	Ignore bool // inconclusive does not hold the phase
}

// BreachError says which KPI ended a phase.
type BreachError struct{ Reading event.Reading }

func (e *BreachError) Error() string {
	name := e.Reading.Name
	if e.Reading.Component != "" {
		name += " of " + e.Reading.Component
	}
	return name + " " + e.Reading.Reason
}

// watch holds a share for the step's time while the KPIs are judged. Up to limit it waits for inconclusive ones.
func (e *Engine) watch(ctx context.Context, rec *record.Rollout, step *record.Step, limit time.Duration) error {
	if err := e.Sentinel.Begin(ctx); err != nil {
		return fmt.Errorf("take the KPIs' first sample: %w", err)
	}
	began := time.Now()
	tick := time.NewTicker(e.Sentinel.Interval())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		readings := e.round(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx) // a reading that an interrupt cut short says nothing
		}
		held := time.Since(began)
		e.emitStep(rec, step, event.Event{
			Type: event.KPIs, KPIs: plain(readings), Took: held.Seconds(),
			Message: fmt.Sprintf("%s of %s", held.Round(time.Second), step.For),
		})
		if over, err := decide(readings, held, step.For, limit); over || err != nil {
			return err
		}
	}
}

// round takes one sample. One that can't be taken is an inconclusive reading.
func (e *Engine) round(ctx context.Context) []Reading {
	ctx, cancel := context.WithTimeout(ctx, max(e.Sentinel.Interval(), roundTime))
	defer cancel()
	readings, err := e.Sentinel.Round(ctx)
	if err != nil {
		return []Reading{{Reading: event.Reading{Name: "KPIs", Verdict: event.Inconclusive, Reason: err.Error()}}}
	}
	return readings
}

// decide says whether a hold is over, or why it failed. Absence of data never ends it well.
func decide(readings []Reading, held, hold, limit time.Duration) (over bool, err error) {
	var open []string
	for _, r := range readings {
		switch {
		case r.Verdict == event.Breached:
			return true, &BreachError{r.Reading}
		case r.Verdict != event.Steady && !r.Ignore:
			open = append(open, r.Name+": "+r.Reason)
		}
	}
	switch {
	case held < hold:
		return false, nil
	case len(open) == 0 || limit == forever:
		return true, nil
	case held < limit:
		return false, nil
	}
	return true, fmt.Errorf("no verdict after %s: %s", held.Round(time.Second), strings.Join(open, "; "))
}

func plain(readings []Reading) []event.Reading {
	all := make([]event.Reading, len(readings))
	for i, r := range readings {
		all[i] = r.Reading
	}
	return all
}
