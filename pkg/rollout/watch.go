package rollout

import (
	"context"
	"errors"
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
	Pause  bool // inconclusive for too long pauses, instead of going back
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

// watch holds a share for the step's time while the KPIs are judged and people may steer. Up to limit it waits for
// inconclusive KPIs; a pause stops that clock.
func (e *Engine) watch(ctx context.Context, rec *record.Rollout, step *record.Step, limit time.Duration) error {
	e.begin(ctx, rec)
	var h holding
	held, last := time.Duration(0), time.Now()
	tick := time.NewTicker(e.Sentinel.Interval())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.steer.arrived:
			if err := e.heed(ctx, rec, step, &h); err != nil {
				return err
			}
			if !h.promoted {
				continue
			}
		case <-tick.C:
		}
		if now := time.Now(); !h.paused {
			held += now.Sub(last)
		}
		last = time.Now()
		readings := e.round(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx) // a reading that an interrupt cut short says nothing
		}
		e.emitStep(rec, step, event.Event{
			Type: event.KPIs, KPIs: plain(readings), Took: held.Seconds(),
			Message: fmt.Sprintf("%s of %s", held.Round(time.Second), step.For),
		})
		over, err := decide(readings, held, step.For, limit)
		if e.gate(ctx, rec, step, &h, over, err) {
			if h.promoted && asks(rec, err) {
				return nil // a person knows of it and wants to go on
			}
			return err
		}
	}
}

// begin takes the KPIs' first sample. When it can't be taken now, the rounds do it, and say until then that they know
// nothing: what that means is the blueprint's to say.
func (e *Engine) begin(ctx context.Context, rec *record.Rollout) {
	if err := e.Sentinel.Begin(ctx); err != nil && ctx.Err() == nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: fmt.Sprintf("take the KPIs' first sample: %v; trying again", err)})
	}
}

// gate says whether a hold ends here, with err if there is one. What needs a person's word pauses instead.
func (e *Engine) gate(ctx context.Context, rec *record.Rollout, step *record.Step, h *holding, over bool, err error) bool {
	switch {
	case h.promoted:
		return true
	case err != nil && asks(rec, err):
		if !h.paused {
			e.pause(rec, step, h, event.Event{Error: err.Error()})
			e.note(ctx, rec)
		}
		return false
	case err != nil:
		return true
	case h.paused || !over:
		return false
	case step.Manual:
		if !h.waiting {
			h.waiting = true
			rec.Cause = "waits for a person: kubectl dro promote " + rec.ID
			e.note(ctx, rec)
			e.emitStep(rec, step, event.Event{Type: event.Waiting})
		}
		return false
	}
	return true
}

// asks says whether a hold's failure is a person's to judge.
func asks(rec *record.Rollout, err error) bool {
	var silent *silentError
	return rec.Ask || errors.As(err, &silent) && silent.pause
}

// silentError says that KPIs gave no verdict in all the time there was.
type silentError struct {
	text  string
	pause bool // the blueprint wants a pause, for each of them
}

func (e *silentError) Error() string { return e.text }

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
	pause := true
	for _, r := range readings {
		switch {
		case r.Verdict == event.Breached:
			return true, &BreachError{r.Reading}
		case r.Verdict != event.Steady && !r.Ignore:
			open = append(open, r.Name+": "+r.Reason)
			pause = pause && r.Pause
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
	return true, &silentError{fmt.Sprintf("no verdict after %s: %s", held.Round(time.Second), strings.Join(open, "; ")), pause}
}

func plain(readings []Reading) []event.Reading {
	all := make([]event.Reading, len(readings))
	for i, r := range readings {
		all[i] = r.Reading
	}
	return all
}
