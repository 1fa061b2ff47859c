package rollout

import (
	"context"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// attend does what takes long and can't stand still half-way, and answers people meanwhile: a pause takes effect once it is
// done. It also keeps the record up with what is said. Only this goroutine touches the record.
func (e *Engine) attend(ctx context.Context, rec *record.Rollout, step *record.Step, do func(context.Context) error) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = do(ctx)
	}()
	tick := time.NewTicker(keepUpTime)
	defer tick.Stop()
	saved := e.said()
	for {
		select {
		case <-done:
			return err
		case <-tick.C:
			if said := e.said(); said > saved {
				e.keepUp(ctx, rec, step)
				saved = said
			}
		case <-e.steer.arrived:
			if failed := e.hear(ctx, rec, step); failed != nil {
				stop(failed)
				<-done
				return failed
			}
		}
	}
}

// hear answers what was asked while a step is busy.
func (e *Engine) hear(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	for _, c := range e.steer.take() {
		if err := e.reply(ctx, rec, c, e.remember(rec, step, c)); err != nil {
			return err
		}
	}
	return nil
}

// remember keeps a pause in mind until the step is done, and says what can't be done before.
func (e *Engine) remember(rec *record.Rollout, step *record.Step, c record.Command) string {
	asked := e.steer.pause
	switch {
	case step.State == record.Settling:
		return "it is settling: green is being replaced, and that can't be stopped half-way"
	case c.Verb == record.Pause && asked != nil:
		return "it pauses already, after this: " + step.Title
	case c.Verb == record.Pause:
		e.steer.pause = &c
		e.emitStep(rec, step, event.Event{Type: event.Progress, Message: by("pause asked", c)})
		return "it pauses after this: " + step.Title
	case c.Verb == record.Resume && asked != nil:
		e.steer.pause = nil
		e.emitStep(rec, step, event.Event{Type: event.Progress, Message: by("pause taken back", c)})
		return "it goes on"
	case c.Verb == record.Resume:
		return "it is not paused"
	}
	return fmt.Sprintf("it is %s with %d%% on blue, and nothing waits for a person: %s goes on", rec.State, rec.Traffic, step.Title)
}

// halt pauses a step as somebody asked before it began.
func (e *Engine) halt(ctx context.Context, rec *record.Rollout, step *record.Step, h *holding) {
	if c := e.steer.pause; c != nil {
		e.steer.pause = nil
		e.pause(rec, step, h, event.Event{Message: by("paused", *c)})
		e.note(ctx, rec)
	}
}

// stand keeps traffic where it is before a shift, for as long as somebody wants it so.
func (e *Engine) stand(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	var h holding
	e.halt(ctx, rec, step, &h)
	err := e.heed(ctx, rec, step, &h)
	for err == nil && h.paused {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.steer.arrived:
			err = e.heed(ctx, rec, step, &h)
		}
	}
	return err
}
