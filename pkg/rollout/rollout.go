package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// Slots makes and removes the copies of the application. Each method can be called twice.
type Slots interface {
	Install(ctx context.Context, release string, progress func(string)) (note string, err error)
	Isolated(ctx context.Context) error // nothing but blue's own Services selects blue's pods
	Upgrade(ctx context.Context, release string, progress func(string)) error
	Remove(ctx context.Context, release string) error
}

// Tests runs the blueprint's tests.
type Tests interface {
	Run(ctx context.Context, test string, log func(line string)) error
	Clean(ctx context.Context) error // whatever Jobs are left
}

// Routers moves traffic between the slots.
type Routers interface {
	Shift(ctx context.Context, percent int) error // written, not yet observed
	Restore(ctx context.Context) error            // as before the launch: everything on green
	Observed(ctx context.Context) error           // waits until the routers have taken the last write
}

// Sentinel samples and judges the KPIs.
type Sentinel interface {
	Interval() time.Duration
	Begin(ctx context.Context) error // what follows is judged from here on; after a failure, from the next Round on
	Round(ctx context.Context) ([]Reading, error)
}

// Records keeps the rollout's state. Save fails with ErrLost when another process has written meanwhile.
type Records interface {
	Save(ctx context.Context, r *record.Rollout) error
}

// ErrLost says that another process took the rollout over: as the cause of a cancelled context, or from Records.
// The engine then stops without touching anything.
var ErrLost = errors.New("another process drives this rollout now")

// observeTime is how long a router may take to say that it took a write.
const observeTime = 30 * time.Second

// Engine runs rollouts.
type Engine struct {
	Slots    Slots
	Tests    Tests
	Routers  Routers
	Sentinel Sentinel
	Records  Records
	Events   event.Sink
	Commands <-chan record.Command // what people ask meanwhile; nil: nobody does

	steer *steering
}

// Run carries out the steps of rec that are not done yet. It returns nil when the rollout is completed,
// a *RolledBackError when everything is on green again, a *HaltedError when a person must act. A rollout that was on
// its way back when its process ended goes on that way.
func (e *Engine) Run(ctx context.Context, rec *record.Rollout) error {
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	e.steer = newSteering()
	if e.Commands != nil {
		go e.steer.listen(e.Commands, abort)
	}
	if rec.State == record.RollingBack {
		return e.Back(ctx, rec, nil)
	}
	e.emit(rec, event.Event{Type: event.Started, Images: images(rec)})
	for i := range rec.Steps {
		step := &rec.Steps[i]
		if step.Progress == record.Done {
			continue
		}
		if err := e.step(ctx, rec, step); err != nil {
			return e.fail(ctx, rec, step, err)
		}
	}
	rec.State = record.Completed
	e.close(ctx, rec, event.Event{Type: event.Completed, Took: time.Since(rec.Started).Seconds()})
	return nil
}

func images(rec *record.Rollout) []event.Image {
	var all []event.Image
	for _, c := range rec.Components {
		all = append(all, event.Image{Component: c.Name, Green: c.Green, Blue: c.Blue})
	}
	return all
}

// step records that a step begins, does it, and records what came of it.
func (e *Engine) step(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	began, cutShort := time.Now(), step.Progress == record.Running
	rec.State, step.Progress, step.Started = step.State, record.Running, &began
	if err := e.Records.Save(ctx, rec); err != nil {
		return err
	}
	e.emitStep(rec, step, event.Event{Type: event.StepStarted})
	do, known := e.methods()[step.Kind]
	if !known {
		return fmt.Errorf("step %s: unknown kind %q", step.ID, step.Kind)
	}
	if step.State == record.Settling {
		e.steer.settle()
		var release func()
		ctx, release = shield(ctx)
		defer release()
	}
	note, err := "", error(nil)
	if cutShort {
		err = e.pickUp(ctx, rec, step)
	}
	if err == nil {
		note, err = do(ctx, rec, step)
	}
	ended := time.Now()
	step.Ended, step.Note, step.Progress = &ended, note, record.Done
	finished := event.Event{Type: event.StepDone, Message: note, Took: ended.Sub(began).Seconds()}
	if err != nil {
		step.Progress, step.Note = record.Failed, err.Error()
		finished.Type, finished.Message, finished.Error = event.StepFailed, "", err.Error()
	}
	e.emitStep(rec, step, finished)
	return err
}

// pickUp readies a step that another process began: that one's test goes, and blue gets the share that the record says
// it has. The process may have ended just after it gave everything back to green.
func (e *Engine) pickUp(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	switch step.Kind {
	case plan.Test:
		return e.Tests.Clean(ctx)
	case plan.Hold, plan.Keep, plan.Upgrade:
		return e.share(ctx, rec.Traffic)
	}
	return nil
}

// methods says what does each kind of step.
func (e *Engine) methods() map[string]func(context.Context, *record.Rollout, *record.Step) (string, error) {
	return map[string]func(context.Context, *record.Rollout, *record.Step) (string, error){
		plan.Install: e.install,
		plan.Isolate: e.isolate,
		plan.Test:    e.test,
		plan.Shift:   e.shift,
		plan.Hold:    e.hold,
		plan.Keep:    e.keep,
		plan.Upgrade: e.upgrade,
		plan.Return:  e.giveBack,
		plan.Drain:   e.drain,
		plan.Remove:  e.remove,
	}
}

// shield keeps an interrupt from what must not stop half-way: the way back, and settling. Only the loss of the
// rollout to another process gets through.
func shield(ctx context.Context) (context.Context, func()) {
	shielded, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), ErrLost) {
			cancel(ErrLost)
		}
	})
	return shielded, func() { stop(); cancel(nil) }
}

func (e *Engine) emit(rec *record.Rollout, ev event.Event) {
	ev.Time, ev.Rollout, ev.App, ev.Namespace = time.Now(), rec.ID, rec.App, rec.Namespace
	e.Events.Emit(ev)
}

func (e *Engine) emitStep(rec *record.Rollout, step *record.Step, ev event.Event) {
	ev.Step = &event.Step{
		ID: step.ID, Kind: step.Kind, Title: step.Title, Done: step.Done,
		Phase: step.Phase, Component: step.Component, Traffic: step.Traffic,
	}
	e.emit(rec, ev)
}

// close writes the record's last state and says how it ended. That the write failed is told, not made the outcome.
func (e *Engine) close(ctx context.Context, rec *record.Rollout, ev event.Event) {
	ended := time.Now()
	rec.Ended = &ended
	e.note(ctx, rec)
	e.emit(rec, ev)
}

// note saves the record where failing to must not stop what is under way.
func (e *Engine) note(ctx context.Context, rec *record.Rollout) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), observeTime)
	defer cancel()
	if err := e.Records.Save(ctx, rec); err != nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: err.Error()})
	}
}
