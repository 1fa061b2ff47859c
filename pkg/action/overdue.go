package action

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
)

// overdue says how long the keep window of a rollout has been over without anybody settling it. Whoever drives it is
// given a lease's time.
func overdue(rec *record.Rollout, now time.Time) time.Duration {
	if over := rec.Overdue(now); over > leaseTerm {
		return over
	}
	return 0
}

// settleOverdue finishes the namespace's rollouts whose keep window is over and that nobody drives. It is called by
// commands that act, except for the app that the command itself is about. That one can't be finished is told and stops
// nothing.
func (c *Cluster) settleOverdue(ctx context.Context, except string, events event.Sink) error {
	all, err := c.Records().List(ctx)
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.App == except || overdue(rec, time.Now()) == 0 {
			continue
		}
		err := c.settleFor(ctx, rec, events)
		var held *record.HeldError
		var back *rollout.RolledBackError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil || errors.As(err, &held) || errors.As(err, &back): // finished, driven, or told
		default:
			warn(events, rec, fmt.Sprintf("settle %s, whose keep window is over: %v", rec.ID, err))
		}
	}
	return nil
}

// settleFor finishes one of them, if it still is one when this process has its lease.
func (c *Cluster) settleFor(ctx context.Context, rec *record.Rollout, events event.Sink) error {
	who, err := c.whoami(ctx)
	if err != nil {
		return err
	}
	lease := c.lease(rec.App)
	if err := lease.Acquire(ctx); err != nil {
		return err
	}
	return c.holding(ctx, lease, func(ctx context.Context, own *Cluster) error {
		rec, err := own.find(ctx, rec.ID)
		if err != nil {
			return err
		}
		over := overdue(rec, time.Now())
		if over == 0 {
			return nil
		}
		warn(events, rec, fmt.Sprintf("the keep window of %s has been over for %s and nobody drives it: it is settled first",
			rec.ID, over.Round(time.Second)))
		engine, err := own.engine(ctx, rec, events)
		if err != nil {
			return err
		}
		engine.Resume(rec, record.Command{Verb: record.Settle, By: who, Reason: "its keep window was over"})
		return own.run(ctx, engine, rec)
	})
}

// find reads the newest record of the given name, which is a rollout's id or its app's.
func (c *Cluster) find(ctx context.Context, name string) (*record.Rollout, error) {
	all, err := c.Records().List(ctx)
	if err != nil {
		return nil, err
	}
	return record.Find(all, name)
}

func warn(events event.Sink, rec *record.Rollout, message string) {
	events.Emit(event.Event{
		Time: time.Now(), Type: event.Warning, Message: message,
		Rollout: rec.ID, App: rec.App, Namespace: rec.Namespace,
	})
}
