package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

const (
	proofTime   = 90 * time.Second // for a standby to be placed and to prove itself; its image may have to be pulled
	dismissTime = 10 * time.Second
)

// SilenceError is the cause of a rollout whose launcher fell silent, or left without a word.
type SilenceError struct {
	Launcher string // as it named itself
	By       string // who went on instead
}

func (e *SilenceError) Error() string {
	return fmt.Sprintf("its launcher, %s, fell silent; %s took over", e.Launcher, e.By)
}

// standby places a standby. That it has proven itself goes into the record with the step.
func (e *Engine) standby(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, proofTime, fmt.Errorf("it has not proven itself within %s", proofTime))
	defer cancel()
	prepare := func(ctx context.Context) error { return e.Standby.Prepare(ctx, e.progress(rec, step)) }
	if err := e.attend(ctx, rec, step, prepare); err != nil {
		return "", err
	}
	rec.Standby = true
	return "", nil
}

// handOver leaves the rollout to the standby, if one is still there. Otherwise this process stays.
func (e *Engine) handOver(ctx context.Context, rec *record.Rollout) bool {
	if !rec.Standby {
		return false
	}
	asking, cancel := context.WithTimeout(ctx, dismissTime)
	defer cancel()
	err := e.Standby.Prepare(asking, func(string) {})
	var left event.Event
	if err == nil {
		rec.Detached = true
		if c := e.steer.pause; c != nil { // the standby pauses instead
			rec.State, rec.Cause = record.Paused, by("paused", *c)
		}
		left = e.logged(rec, event.Event{Type: event.HandedOver, Message: "the standby goes on from here", Traffic: &rec.Traffic})
		err = e.save(ctx, rec)
	}
	if err != nil {
		rec.Detached, rec.Standby = false, false
		e.emit(rec, event.Event{Type: event.Warning, Message: fmt.Sprintf("leave the rollout to the standby: %v; staying", err)})
		return false
	}
	e.Events.Emit(left)
	return true
}

// dismiss removes the standby of a rollout that is over. Its record says so already, and a standby that stays goes by
// itself: that it could not be removed is told and changes nothing.
func (e *Engine) dismiss(ctx context.Context, rec *record.Rollout) {
	placed := slices.ContainsFunc(rec.Steps, func(s record.Step) bool { return s.Kind == plan.Standby && s.Started != nil })
	if !placed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dismissTime)
	defer cancel()
	if err := e.Standby.Remove(ctx); err != nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: fmt.Sprintf("remove the standby: %v", err)})
	}
}
