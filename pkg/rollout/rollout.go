package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	Shift(ctx context.Context, phase string, percent int) error // written, not yet observed; no phase: as in the last
	Restore(ctx context.Context) error                          // as before the launch: everything on green
	Observed(ctx context.Context) error                         // waits until the routers have taken the last write
	// Drifted waits until a router is other than Shift to that share left it. It fails with ctx only.
	Drifted(ctx context.Context, phase string, percent int) (Drift, error)
}

// Standby is who goes on in the cluster when the process that drives a rollout falls silent.
type Standby interface {
	Prepare(ctx context.Context, progress func(string)) error // until it has proven that it could go on
	Remove(ctx context.Context) error
}

// Sentinel samples and judges the KPIs.
type Sentinel interface {
	Begin(ctx context.Context) error // what follows is judged from here on; after a failure, from the next Round on
	Round(ctx context.Context) ([]Reading, error)
	Wait() time.Duration // until the next Round is due
}

// Records keeps the rollout's state. Save fails with ErrLost when another process has written meanwhile.
type Records interface {
	Save(ctx context.Context, r *record.Rollout) error
}

// Two ways in which a rollout stops being this process's to drive, as the cause of a cancelled context or from what the
// engine calls. It then stops without touching anything, and claims nothing.
var (
	ErrLost  = errors.New("another process drives this rollout now")
	ErrBlind = errors.New("this process can no longer see the rollout")
)

// observeTime is how long a router may take to say that it took a write.
const observeTime = 30 * time.Second

// keepUpTime is how long what a step says may stay out of the record.
const keepUpTime = 5 * time.Second

// Engine runs rollouts.
type Engine struct {
	Slots    Slots
	Tests    Tests
	Routers  Routers
	Sentinel Sentinel
	Standby  Standby
	Records  Records
	Events   event.Sink
	Commands <-chan record.Command // what people ask meanwhile; nil: nobody does
	LeaveAt  string                // ID of the step before which this process leaves the rollout to the standby; empty: none

	steer *steering
	kept  time.Time // when the record was last saved for its log alone

	mu   sync.Mutex // guards what follows
	log  []event.Event
	away time.Time // when the API server was last seen to be away
}

// Run carries out the steps of rec that are not done yet. It returns nil when the rollout is completed, or left to the
// standby, a *RolledBackError when everything is on green again, a *HaltedError when a person must act. A rollout that was on
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
	if rec.State == record.Paused && rec.Detached { // nobody has said that it may go on
		e.steer.add(record.Command{Verb: record.Pause, By: "the standby", Reason: rec.Cause})
	}
	e.emit(rec, event.Event{Type: event.Started, Images: images(rec)})
	for i := range rec.Steps {
		step := &rec.Steps[i]
		if step.Progress == record.Done {
			continue
		}
		if step.ID == e.LeaveAt && e.handOver(ctx, rec) {
			return nil
		}
		if step.Kind == plan.Shift {
			if err := e.stand(ctx, rec, step); err != nil {
				return e.fail(ctx, rec, step, err)
			}
			if step.Progress == record.Done { // promoted past it
				continue
			}
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
	rec.State, step.Progress = step.State, record.Running
	if !cutShort {
		step.Started = &began
	}
	if err := e.save(ctx, rec); err != nil {
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
	note, err := e.carryOut(ctx, rec, step, do, cutShort)
	if err != nil && step.Optional && ctx.Err() == nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: fmt.Sprintf("%s: %v; going on without", step.Title, err)})
		note, err = "left out: "+err.Error(), nil
		step.Done = "" // what would be so then is not
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

// carryOut does a step, and once more after trouble that passed: as another process would that found it cut short.
func (e *Engine) carryOut(ctx context.Context, rec *record.Rollout, step *record.Step, do method, cutShort bool) (string, error) {
	var note, trouble string
	tell := func(err error) {
		e.Trouble(err)
		trouble, cutShort = err.Error(), true
		e.emitStep(rec, step, event.Event{Type: event.Warning, Message: fmt.Sprintf("%s: %v; trying again", step.Title, err)})
	}
	err := insist(ctx, tell, func() (err error) {
		if cutShort {
			err = e.pickUp(ctx, rec, step)
		}
		if err == nil {
			note, err = do(ctx, rec, step)
		}
		return err
	})
	if err == nil && trouble != "" {
		note = strings.TrimPrefix(note+"; tried again after: "+trouble, "; ")
	}
	return note, err
}

// pickUp readies a step that another process began: that one's test goes, and blue gets the share that the record says
// it has. The process may have ended just after it gave everything back to green.
func (e *Engine) pickUp(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	switch step.Kind {
	case plan.Test:
		return e.Tests.Clean(ctx)
	case plan.Hold, plan.Keep, plan.Upgrade:
		return e.share(ctx, step.Phase, rec.Traffic)
	}
	return nil
}

// method does one kind of step. It can be called again when it failed.
type method func(context.Context, *record.Rollout, *record.Step) (note string, err error)

// methods says what does each kind of step.
func (e *Engine) methods() map[string]method {
	return map[string]method{
		plan.Install: e.install,
		plan.Isolate: e.isolate,
		plan.Standby: e.standby,
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

// shield keeps an interrupt from what must not stop half-way: the way back, and settling. Only that the rollout is no
// longer this process's to drive gets through.
func shield(ctx context.Context) (context.Context, func()) {
	shielded, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if cause := context.Cause(ctx); over(cause) {
			cancel(cause)
		}
	})
	return shielded, func() { stop(); cancel(nil) }
}

func (e *Engine) emit(rec *record.Rollout, ev event.Event) { e.Events.Emit(e.logged(rec, ev)) }

// Tell says something of a rollout that the engine does not know itself.
func (e *Engine) Tell(rec *record.Rollout, ev event.Event) { e.emit(rec, ev) }

// logged is an event of the rollout with who and when, once it is in the log. It may be called while the loop works on the
// record, which gets the log when it is written.
func (e *Engine) logged(rec *record.Rollout, ev event.Event) event.Event {
	ev.Time, ev.Rollout, ev.App, ev.Namespace = time.Now(), rec.ID, rec.App, rec.Namespace
	if ev.Traffic != nil { // it may be the record's own, which changes
		share := *ev.Traffic
		ev.Traffic = &share
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.log == nil {
		e.log = rec.Log
	}
	e.log = record.Logged(e.log, ev)
	return ev
}

// said is how many events the log has.
func (e *Engine) said() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.log)
}

// write writes the record with the log as it is now.
func (e *Engine) write(ctx context.Context, rec *record.Rollout) error {
	e.mu.Lock()
	if e.log != nil {
		rec.Log = e.log
	}
	e.mu.Unlock()
	return e.Records.Save(ctx, rec)
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
	ctx, release := shield(ctx)
	defer release()
	ended := time.Now()
	rec.Ended = &ended
	ev = e.logged(rec, ev)
	e.note(ctx, rec)
	e.Events.Emit(ev)
	e.dismiss(ctx, rec)
}

// keepUp saves what a step that takes long has said, now and then, for those who follow it elsewhere. The step's end saves
// it in any case.
func (e *Engine) keepUp(ctx context.Context, rec *record.Rollout, step *record.Step) {
	if time.Since(e.kept) < keepUpTime || time.Since(*step.Started) < keepUpTime {
		return
	}
	e.kept = time.Now()
	if err := e.write(ctx, rec); err != nil && ctx.Err() == nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: err.Error()})
	}
}

// note saves the record where failing to must not stop what is under way.
func (e *Engine) note(ctx context.Context, rec *record.Rollout) {
	if err := e.save(ctx, rec); err != nil && ctx.Err() == nil {
		e.emit(rec, event.Event{Type: event.Warning, Message: err.Error()})
	}
}
