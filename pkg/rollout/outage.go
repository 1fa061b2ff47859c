package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// wellTime is how long green must have been well for an outage to be over.
const wellTime = 30 * time.Second

// outage deals with what is no fault of the release: when green breaches the same KPI at the same time, the share stays
// as it is, and the hold goes on by itself once green has been well for a while. It says whether that is all this round
// has to say. A breach of blue alone is one, outage or not.
func (e *Engine) outage(ctx context.Context, rec *record.Rollout, step *record.Step, h *holding, readings []Reading, err error) bool {
	var breach *BreachError
	switch is := errors.As(err, &breach) && breach.Reading.Outage; {
	case h.promoted:
		return false
	case is:
		if !h.paused {
			h.outage = true
			e.pause(rec, step, h, event.Event{Error: err.Error() + "; it goes on by itself when green is well again"})
			e.note(ctx, rec)
		}
		h.since = time.Now()
		e.begin(ctx, rec) // what follows tells whether it is over
		return true
	case !h.outage || err != nil:
		return false
	case ill(readings):
		return true
	case time.Since(h.since) < wellTime:
		return true
	}
	h.outage, h.paused = false, false
	rec.State, rec.Cause = step.State, ""
	e.note(ctx, rec)
	e.emitStep(rec, step, event.Event{Type: event.Resumed, Message: fmt.Sprintf("green has been well for %s: it goes on", wellTime)})
	return false
}

// ill says whether green is not well, or may not be.
func ill(readings []Reading) bool {
	for _, r := range readings {
		if r.Ill {
			return true
		}
	}
	return false
}
