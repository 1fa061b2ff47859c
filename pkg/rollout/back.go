package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// retryMost is the longest pause between two tries to give traffic back to green.
const retryMost = 2 * time.Second

// RolledBackError says that everything is on green again, and why.
type RolledBackError struct{ Cause error }

func (e *RolledBackError) Error() string { return "rolled back: " + e.Cause.Error() }
func (e *RolledBackError) Unwrap() error { return e.Cause }

// HaltedError says that a rollout stands still until a person acts.
type HaltedError struct{ Cause error }

func (e *HaltedError) Error() string { return "halted: " + e.Cause.Error() }
func (e *HaltedError) Unwrap() error { return e.Cause }

// fail decides what a failed step means: nothing to this process when the rollout is another's, a halt once green is
// being replaced (blue serves, and the old green is gone), else the way back.
func (e *Engine) fail(ctx context.Context, rec *record.Rollout, step *record.Step, cause error) error {
	for _, err := range []error{context.Cause(ctx), cause} {
		if over(err) {
			return err
		}
	}
	if step.State == record.Settling {
		rec.State, rec.Cause = record.Halted, cause.Error()
		e.close(ctx, rec, event.Event{Type: event.Halted, Error: cause.Error()})
		return &HaltedError{cause}
	}
	if ctx.Err() != nil {
		cause = context.Cause(ctx) // whatever the step was doing, it failed for that
	}
	return e.back(ctx, rec, cause)
}

// Back ends a rollout that no process drives any more: everything goes back to green. What began a way back that was
// cut short stays its cause. A rollout that settles is refused: its green is being replaced.
func (e *Engine) Back(ctx context.Context, rec *record.Rollout, cause error) error {
	switch rec.State {
	case record.Settling:
		return fmt.Errorf("rollout %s is settling: green is being replaced, there is nothing to go back to\n  finish it: kubectl dro resume %s -n %s",
			rec.ID, rec.ID, rec.Namespace)
	case record.RollingBack:
		cause = errors.New(rec.Cause)
	}
	return e.back(ctx, rec, cause)
}

// back gives all traffic to green before anything else, even the record and the word of it, then tidies.
func (e *Engine) back(ctx context.Context, rec *record.Rollout, cause error) error {
	ctx, release := shield(ctx)
	defer release()
	decided := time.Now()
	moved := shifted(rec)
	if moved {
		if err := e.green(ctx, rec); err != nil {
			return err
		}
	}
	took := time.Since(decided).Seconds()
	rec.State, rec.Cause, rec.Traffic, rec.Returning = record.RollingBack, cause.Error(), 0, true
	e.emit(rec, event.Event{Type: event.RollingBack, Error: cause.Error(), Traffic: restored(moved), Took: took})
	e.note(ctx, rec)
	if err := e.tidy(ctx, rec, moved); over(context.Cause(ctx)) {
		return context.Cause(ctx)
	} else if err != nil {
		err = fmt.Errorf("%w\n  all traffic is on green; blue was left in place (what began it: %w)", err, cause)
		rec.State = record.Halted
		e.close(ctx, rec, event.Event{Type: event.Halted, Error: err.Error()})
		return &HaltedError{err}
	}
	rec.State = record.RolledBack
	e.close(ctx, rec, event.Event{Type: event.RolledBack, Error: cause.Error(), Took: time.Since(decided).Seconds()})
	return &RolledBackError{cause}
}

// shifted says whether blue was ever given traffic. The share in the record does not tell: a way back that was cut
// short has set it to 0, and the routers may not have seen it yet.
func shifted(rec *record.Rollout) bool {
	return slices.ContainsFunc(rec.Steps, func(s record.Step) bool { return s.Kind == plan.Shift && s.Started != nil })
}

// restored is the event's share for traffic that was moved back, or none when there was nothing to move.
func restored(moved bool) *int {
	if !moved {
		return nil
	}
	return new(int)
}

// green writes the routers back until it has worked, or the rollout is another's.
func (e *Engine) green(ctx context.Context, rec *record.Rollout) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, retryMost) {
		try, cancel := context.WithTimeout(ctx, observeTime)
		err := e.Routers.Restore(try)
		cancel()
		if err == nil {
			return nil
		}
		e.emit(rec, event.Event{Type: event.Warning, Message: fmt.Sprintf("give traffic back to green: %v; trying again", err)})
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// seen waits until the routers have taken the way back.
func (e *Engine) seen(ctx context.Context, rec *record.Rollout) error {
	return insist(ctx, e.again(rec, "see that the routers gave everything back"), func() error { return e.observed(ctx) })
}

// tidy removes what the rollout made. A slot that may still serve stays: its routers must have seen the way back first.
func (e *Engine) tidy(ctx context.Context, rec *record.Rollout, moved bool) error {
	if moved {
		e.emit(rec, event.Event{Type: event.Progress, Message: "waiting for the routers, and for blue's last requests"})
		if err := e.seen(ctx, rec); err != nil {
			return err
		}
		if err := sleep(ctx, plan.DrainTime); err != nil {
			return err
		}
		// A shift that was on its way when the rollout turned round may have reached the cluster after the way back did.
		if err := e.green(ctx, rec); err != nil {
			return err
		}
		if err := e.seen(ctx, rec); err != nil {
			return err
		}
	}
	e.emit(rec, event.Event{Type: event.Progress, Message: "removing blue"})
	if err := insist(ctx, e.again(rec, "remove tests"), func() error { return e.Tests.Clean(ctx) }); err != nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: err.Error()})
	}
	for _, step := range slices.Backward(rec.Steps) {
		if step.Kind != plan.Install || step.Started == nil {
			continue
		}
		remove := func() error { return e.Slots.Remove(ctx, step.Release) }
		if err := insist(ctx, e.again(rec, "remove blue"), remove); err != nil {
			return fmt.Errorf("remove blue: %w", err)
		}
	}
	return nil
}
