package rollout

import (
	"context"
	"fmt"
	"sync"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// corrections is how often a router that others change is put right in one hold.
const corrections = 2

// Drift is how a router is other than the rollout wrote it.
type Drift struct {
	Text string // which object, which fields, how they were written and are, by whom
	Lost bool   // it can't be put right

	Stale bool // nobody changed it: it is to follow what did
}

// DriftError ends a phase whose routers are not left as they are written.
type DriftError struct {
	Drift     Drift
	Traffic   int
	ID, Where string // of the rollout
}

func (e *DriftError) Error() string {
	what := "it was put right before, and someone else keeps writing it"
	if e.Drift.Lost {
		what = "someone edited it during the rollout"
	}
	return fmt.Sprintf("hold %d%%: %s\n  %s; traffic goes back to green\n  see the difference: kubectl dro status %s -n %s --diff",
		e.Traffic, e.Drift.Text, what, e.ID, e.Where)
}

// guarded holds a share while the routers are watched for what others change in them. A phase whose routers can't be
// kept as they were written ends.
func (e *Engine) guarded(ctx context.Context, rec *record.Rollout, step *record.Step, hold func(context.Context) error) error {
	ctx, end := context.WithCancelCause(ctx)
	var guard sync.WaitGroup
	guard.Go(func() { end(e.guard(ctx, rec, step)) })
	defer guard.Wait() // what follows writes the routers, too
	defer end(nil)
	return hold(ctx)
}

// guard tells of drift and puts it right, a few times. It returns why the hold must end, or what has ended it.
func (e *Engine) guard(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	for n := 0; ; {
		drift, err := e.Routers.Drifted(ctx, step.Phase, step.Traffic)
		if err != nil {
			return err
		}
		if !drift.Stale {
			if drift.Lost || n == corrections {
				return &DriftError{drift, step.Traffic, rec.ID, rec.Namespace}
			}
			n++
			e.emitStep(rec, step, event.Event{Type: event.Warning, Message: drift.Text + "; putting it right"})
		}
		shift := func() error { return e.Routers.Shift(ctx, step.Phase, step.Traffic) }
		if err := insist(ctx, e.again(rec, "put the routers right"), shift); err != nil {
			return fmt.Errorf("put the routers right: %s: %w", drift.Text, err)
		}
	}
}
