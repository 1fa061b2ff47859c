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
	// roundTime is the time limit of one round of samples.
	roundTime = 10 * time.Second
)

// Reading is a KPI's reading, with what the blueprint wants done when it stays inconclusive.
type Reading struct {
	event.Reading
	Ignore bool // inconclusive does not hold the phase
	Pause  bool // inconclusive for too long pauses, instead of going back
	Ill    bool // green itself does not keep to the threshold, or that isn't known
	Open   bool // inconclusive though there is data: it holds the phase as long, and then no longer
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

// watch holds a share for the step's time, counted from since, while the KPIs are judged and people may steer. Up to
// limit it waits for inconclusive KPIs. A pause stops that clock: since moves on with it.
func (e *Engine) watch(ctx context.Context, rec *record.Rollout, step *record.Step, since *time.Time, limit time.Duration) error {
	e.begin(ctx, rec)
	var h holding
	e.halt(ctx, rec, step, &h)
	last := time.Now()
	due := time.NewTimer(e.Sentinel.Wait())
	defer due.Stop()
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
		case <-due.C:
		}
		now := time.Now()
		if h.paused {
			*since = since.Add(now.Sub(last))
		}
		held := now.Sub(*since)
		last = now
		readings := e.round(ctx)
		due.Reset(e.Sentinel.Wait())
		if ctx.Err() != nil {
			return context.Cause(ctx) // a reading that an interrupt cut short says nothing
		}
		chart(rec, readings)
		said := e.said()
		e.emitStep(rec, step, event.Event{
			Type: event.KPIs, KPIs: plain(readings), Took: held.Seconds(),
			Message: fmt.Sprintf("%s of %s", held.Round(time.Second), step.For),
		})
		if e.said() > said { // a verdict has changed
			e.keepUp(ctx, rec, step)
		}
		over, err := decide(readings, held, step.For, limit)
		over = over || step.Proven && proven(readings)
		if e.outage(ctx, rec, step, &h, readings, err) {
			continue
		}
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
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	readings, err := e.Sentinel.Round(ctx)
	if err != nil {
		return []Reading{{Reading: event.Reading{Name: "KPIs", Verdict: event.Inconclusive, Reason: err.Error()}}}
	}
	return readings
}

// decide says whether a hold is over, or why it failed. Absence of data never ends it well.
func decide(readings []Reading, held, hold, limit time.Duration) (over bool, err error) {
	var silent []string
	pause, open := true, false
	var outage error
	for _, r := range readings {
		switch {
		case r.Verdict == event.Breached && r.Outage:
			outage = &BreachError{r.Reading}
		case r.Verdict == event.Breached:
			return true, &BreachError{r.Reading}
		case r.Verdict == event.Steady || r.Ignore:
		case r.Open: // going back on a doubt would make more false alarms than the judge is allowed
			open = true
		default:
			silent = append(silent, r.Name+": "+r.Reason)
			pause = pause && r.Pause
		}
	}
	switch {
	case outage != nil:
		return true, outage
	case held < hold:
		return false, nil
	case len(silent) == 0 && !open || limit == forever:
		return true, nil
	case held < limit:
		return false, nil
	case len(silent) == 0:
		return true, nil
	}
	return true, &silentError{fmt.Sprintf("no verdict after %s: %s", held.Round(time.Second), strings.Join(silent, "; ")), pause}
}

// proven says whether every KPI that can be proven healthy is, and the others are steady.
func proven(readings []Reading) bool {
	for _, r := range readings {
		if !r.Proven && !(r.Verdict == event.Steady && r.Total == 0) {
			return false
		}
	}
	return len(readings) > 0
}

// chart puts the KPIs' numbers into the record, for its chart. They are written with the next change of state.
func chart(rec *record.Rollout, readings []Reading) {
	for _, r := range readings {
		if r.BlueValue != nil && r.Limit != nil {
			rec.Chart(r.Name, r.Component, r.Threshold, unit(r.Blue), time.Now(), *r.BlueValue, *r.Limit)
		}
	}
}

// unit is what a number is written in: %, s (or ms), or nothing.
func unit(text string) string {
	for _, u := range []string{"%", "s"} {
		if strings.HasSuffix(text, u) {
			return u
		}
	}
	return ""
}

func plain(readings []Reading) []event.Reading {
	all := make([]event.Reading, len(readings))
	for i, r := range readings {
		all[i] = r.Reading
	}
	return all
}
