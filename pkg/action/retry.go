package action

import (
	"context"
	"errors"
	"fmt"

	"dro.dev/kubectl-dro/pkg/record"
)

// retriable says why a rollout can't be retried, and what to do instead: only one that halted can.
func retriable(rec *record.Rollout) error {
	name := rec.ID + " -n " + rec.Namespace
	switch rec.State {
	case record.Halted:
		return nil
	case record.Completed:
		return errors.New(over(rec) + "; there is nothing to retry")
	case record.RolledBack:
		return errors.New(over(rec) + "; there is nothing to retry\n  correct what it went back for, and launch it again")
	case record.Paused:
		return fmt.Errorf("rollout %s is Paused, not halted\n  go on:     kubectl dro resume %s\n  give back: kubectl dro abort %s", rec.ID, name, name)
	}
	return fmt.Errorf("rollout %s is %s, not halted\n  see it: kubectl dro status %s\n  go on with it if its process died: kubectl dro resume %s",
		rec.ID, rec.State, name, name)
}

// newest refuses to touch a rollout that another of its app came after.
func (c *Cluster) newest(ctx context.Context, rec *record.Rollout) error {
	last, err := c.find(ctx, rec.App)
	if err != nil {
		return err
	}
	if last.App == rec.App && last.Number > rec.Number {
		return fmt.Errorf("rollout %s is not the last of app %s: %s came after it and is %s\n  see them: kubectl dro history %s -n %s",
			rec.ID, rec.App, last.ID, last.State, rec.App, rec.Namespace)
	}
	return nil
}
