package rollout

import (
	"context"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

func (e *Engine) install(ctx context.Context, rec *record.Rollout, step *record.Step) (note string, err error) {
	err = e.attend(ctx, rec, step, func(ctx context.Context) (err error) {
		note, err = e.Slots.Install(ctx, step.Release, e.progress(rec, step))
		return err
	})
	return note, err
}

func (e *Engine) isolate(ctx context.Context, _ *record.Rollout, _ *record.Step) (string, error) {
	return "", e.Slots.Isolated(ctx)
}

func (e *Engine) test(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	return "", e.attend(ctx, rec, step, func(ctx context.Context) error {
		return e.Tests.Run(ctx, step.Test, func(line string) {
			e.emitStep(rec, step, event.Event{Type: event.TestLog, Message: line})
		})
	})
}

func (e *Engine) shift(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	if err := e.caughtUp(ctx, rec, step); err != nil {
		return "", err
	}
	rec.Traffic = step.Traffic // saved before the write, so that a reader assumes the worst
	if err := e.save(ctx, rec); err != nil {
		return "", err
	}
	move := func(ctx context.Context) error { return e.share(ctx, step.Phase, step.Traffic) }
	if err := e.attend(ctx, rec, step, move); err != nil {
		return "", err
	}
	e.emitStep(rec, step, event.Event{Type: event.Shifted, Traffic: &step.Traffic})
	return "", nil
}

// share gives blue a share of the traffic and waits until the routers have taken it.
func (e *Engine) share(ctx context.Context, phase string, percent int) error {
	if err := e.Routers.Shift(ctx, phase, percent); err != nil {
		return fmt.Errorf("shift %d%%: %w", percent, err)
	}
	return e.observed(ctx)
}

func (e *Engine) hold(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	defer func() { rec.Cause = "" }()
	since := time.Now() // what another process has seen of it can't be judged here
	return "", e.guarded(ctx, rec, step, func(ctx context.Context) error {
		return e.watch(ctx, rec, step, &since, step.For+max(step.For, minPatience))
	})
}

// keep watches on while green stays warm, for what is left of the window: it goes on while no process drives. A KPI
// without data does not end it: blue has proven itself.
func (e *Engine) keep(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	if now := time.Now(); step.Started.After(now) { // by the clock of another machine
		step.Started = &now
	}
	return "", e.guarded(ctx, rec, step, func(ctx context.Context) error { return e.watch(ctx, rec, step, step.Started, forever) })
}

func (e *Engine) upgrade(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	return "", e.attend(ctx, rec, step, func(ctx context.Context) error { return e.Slots.Upgrade(ctx, step.Release, e.progress(rec, step)) })
}

func (e *Engine) giveBack(ctx context.Context, rec *record.Rollout, step *record.Step) (string, error) {
	if err := e.caughtUp(ctx, rec, step); err != nil {
		return "", err
	}
	if err := e.Routers.Restore(ctx); err != nil {
		return "", fmt.Errorf("give traffic back to green: %w", err)
	}
	if err := e.observed(ctx); err != nil {
		return "", err
	}
	rec.Traffic = 0
	e.emitStep(rec, step, event.Event{Type: event.Shifted, Traffic: new(int)})
	return "", nil
}

func (e *Engine) drain(ctx context.Context, _ *record.Rollout, step *record.Step) (string, error) {
	return "", sleep(ctx, step.For)
}

func (e *Engine) remove(ctx context.Context, _ *record.Rollout, step *record.Step) (string, error) {
	return "", e.Slots.Remove(ctx, step.Release)
}

func (e *Engine) progress(rec *record.Rollout, step *record.Step) func(string) {
	return func(message string) {
		e.emitStep(rec, step, event.Event{Type: event.Progress, Message: message})
	}
}

func (e *Engine) observed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	return e.Routers.Observed(ctx)
}

// sleep waits for d, or returns the context's cause.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
