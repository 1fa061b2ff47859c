package rollout

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// AbortError is the cause of a rollout that a person aborted.
type AbortError struct{ By, Reason string }

func (e *AbortError) Error() string {
	if e.Reason == "" {
		return "aborted by " + e.By
	}
	return "aborted by " + e.By + ": " + e.Reason
}

// steering is what people have asked of the rollout. Commands come in at any time; the loop heeds them while it holds, and
// answers them while it is busy.
type steering struct {
	mu       sync.Mutex
	pending  []record.Command
	settling bool
	pause    *record.Command // is to pause what comes next; the loop's own
	arrived  chan struct{}   // has room for one: something is pending
}

func newSteering() *steering { return &steering{arrived: make(chan struct{}, 1)} }

// listen takes commands until there are no more. An abort ends the context at once, whatever is being done; that the
// rollout is on its way back, or settles, is its answer.
func (s *steering) listen(commands <-chan record.Command, abort context.CancelCauseFunc) {
	for c := range commands {
		if c.Verb != record.Abort {
			s.add(c)
			continue
		}
		s.mu.Lock()
		if !s.settling {
			abort(&AbortError{By: c.By, Reason: c.Reason})
		}
		s.mu.Unlock()
	}
}

// add leaves a command to the loop.
func (s *steering) add(c record.Command) {
	s.mu.Lock()
	s.pending = append(s.pending, c)
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// take returns what is pending.
func (s *steering) take() []record.Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.pending
	s.pending = nil
	return all
}

// settle says that green is being replaced: from now on there is nothing to abort.
func (s *steering) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settling = true
}

// holding is how a hold stands with the people who steer it.
type holding struct {
	paused   bool
	promoted bool // the gate is open
	waiting  bool // it was told that the gate waits for a person

	outage bool      // paused because green is not well either
	since  time.Time // green may be well since then
}

// heed carries out what was asked while a step holds, and answers.
func (e *Engine) heed(ctx context.Context, rec *record.Rollout, step *record.Step, h *holding) error {
	for _, c := range e.steer.take() {
		paused := h.paused
		answer := e.obey(rec, step, h, c)
		if paused && !h.paused { // what was counted meanwhile is known to whoever resumed
			e.begin(ctx, rec)
		}
		if err := e.reply(ctx, rec, c, answer); err != nil {
			return err
		}
	}
	return nil
}

// reply puts the answer to a command on the record, where whoever asked waits for it.
func (e *Engine) reply(ctx context.Context, rec *record.Rollout, c record.Command, answer string) error {
	rec.Answer = &record.Answer{Command: c.ID, Text: answer}
	return e.save(ctx, rec)
}

func (e *Engine) obey(rec *record.Rollout, step *record.Step, h *holding, c record.Command) string {
	switch c.Verb {
	case record.Pause:
		if h.paused {
			return "it is paused already"
		}
		e.pause(rec, step, h, event.Event{Message: by("paused", c)})
		return fmt.Sprintf("paused with %d%% on blue", rec.Traffic)
	case record.Resume:
		if !h.paused {
			return "it is not paused"
		}
		h.paused, h.outage, rec.State, rec.Cause = false, false, step.State, ""
		e.emitStep(rec, step, event.Event{Type: event.Resumed, Message: by("resumed", c)})
		return "it goes on"
	case record.Promote:
		h.paused, h.promoted = false, true
		rec.State, rec.Cause = step.State, ""
		if c.Full {
			skipTo100(rec, step)
		}
		e.emitStep(rec, step, event.Event{Type: event.Resumed, Message: by("promoted", c)})
		return "promoted"
	case record.Settle:
		if step.State != record.Keeping {
			return fmt.Sprintf("it is %s with %d%% on blue: the keep window that settle ends has not begun\n"+
				"  get there: kubectl dro promote %s --full", rec.State, rec.Traffic, rec.ID)
		}
		h.paused, h.promoted = false, true
		rec.State, rec.Cause = step.State, ""
		endKeep(step)
		e.emitStep(rec, step, event.Event{Type: event.Resumed, Message: by("settled", c)})
		return "its keep window is over; it settles"
	}
	return fmt.Sprintf("%q is not known to the process that drives it", c.Verb)
}

func (e *Engine) pause(rec *record.Rollout, step *record.Step, h *holding, ev event.Event) {
	h.paused, rec.State = true, record.Paused
	rec.Cause = ev.Message
	if ev.Error != "" {
		rec.Cause = ev.Error
	}
	ev.Type = event.Paused
	e.emitStep(rec, step, ev)
}

// Resume readies a rollout that no process drives for Run, as a person asks.
func (e *Engine) Resume(rec *record.Rollout, c record.Command) {
	did, step := "resumed", rec.Current()
	switch {
	case c.Verb == record.Settle && step != nil && step.State == record.Keeping:
		did = "settled"
		endKeep(step)
	case c.Verb == record.Retry && rec.Returning:
		did, rec.State, rec.Ended = "retried", record.RollingBack, nil
	case c.Verb == record.Retry && step != nil:
		did, rec.State, rec.Ended = "retried", step.State, nil
		step.Progress = record.Running // what it left half-done is picked up
	}
	e.emit(rec, event.Event{Type: event.Resumed, Message: by(did, c)})
}

// endKeep makes now the end of the keep window, for whichever process drives on.
func endKeep(step *record.Step) {
	kept := time.Duration(0)
	if step.Started != nil {
		kept = time.Since(*step.Started).Round(time.Second)
	}
	step.For = min(step.For, kept)
	step.Done = fmt.Sprintf("Green was kept warm for %s", step.For)
}

// skipTo100 marks the phases from here to the last as not to be done.
func skipTo100(rec *record.Rollout, from *record.Step) {
	at := slices.IndexFunc(rec.Steps, func(s record.Step) bool { return s.ID == from.ID })
	for i := at; i < len(rec.Steps); i++ {
		s := &rec.Steps[i]
		if (s.Kind == plan.Shift || s.Kind == plan.Hold) && s.Traffic < 100 {
			s.Progress, s.Note = record.Done, "skipped"
		}
	}
}

func by(did string, c record.Command) string {
	if c.Reason == "" {
		return did + " by " + c.By
	}
	return did + " by " + c.By + ": " + c.Reason
}
