package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
)

// leaseTerm is how long a launcher may be silent before another may take over.
const leaseTerm = 15 * time.Second

func (c *Cluster) lease(app string) *record.Lease {
	return &record.Lease{
		Leases: c.Client.CoordinationV1().Leases(c.Namespace), Namespace: c.Namespace,
		App: app, Holder: c.Self, Term: leaseTerm,
	}
}

// free refuses to begin beside a rollout of the app that did not end.
func (c *Cluster) free(ctx context.Context, app string) error {
	all, err := c.Records().List(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.App != app || r.State.Ended() {
			continue
		}
		if r.State == record.Unreadable {
			return errors.New(r.Cause)
		}
		driver, err := c.lease(app).HeldBy(ctx)
		if err != nil {
			return err
		}
		if driver == "" {
			driver = "nobody: its process died"
		}
		name := r.ID + " -n " + r.Namespace
		return fmt.Errorf("app %s has a rollout under way: %s is %s with %d%% on blue, driven by %s\n"+
			"  join it:      kubectl dro status -w %s\n  its log:      kubectl dro logs -f %s\n  give it back: kubectl dro abort %s\n"+
			"  go on with it when its process died: kubectl dro resume %s",
			app, r.ID, r.State, r.Traffic, driver, name, name, name, name)
	}
	return nil
}

// run runs a rollout from where its record says it is, and obeys what people ask of it meanwhile. What was asked before,
// of a process that died, is over.
func (c *Cluster) run(ctx context.Context, engine *rollout.Engine, rec *record.Rollout) error {
	asked, err := rec.Asked()
	if err != nil {
		return err
	}
	heard := ""
	if asked != nil {
		heard = asked.ID
	}
	listening, stop := context.WithCancel(ctx)
	defer stop()
	commands := make(chan record.Command)
	engine.Commands = commands
	go func() {
		defer close(commands)
		c.listen(listening, *rec, heard, commands, engine)
	}()
	return engine.Run(ctx, rec)
}

// listen passes the commands on a record on, each once and not the one heard before, until ctx ends. That it can't
// listen is said once, and tried again: a rollout goes on without.
func (c *Cluster) listen(ctx context.Context, rec record.Rollout, heard string, commands chan<- record.Command, engine *rollout.Engine) {
	said := ""
	for ctx.Err() == nil {
		err := c.Records().Follow(ctx, &rec, func(now *record.Rollout, asked *record.Command) bool {
			said = ""
			answered := now.Answer != nil && asked != nil && now.Answer.Command == asked.ID
			if asked == nil || asked.ID == heard || answered {
				return true
			}
			heard = asked.ID
			select {
			case commands <- *asked:
			case <-ctx.Done():
			}
			return true
		})
		if ctx.Err() != nil || err == nil {
			return
		}
		engine.Trouble(err)
		if said != err.Error() {
			said = err.Error()
			engine.Events.Emit(event.Event{
				Time: time.Now(), Type: event.Warning, Message: "listen for commands: " + said + "; trying again",
				Rollout: rec.ID, App: rec.App, Namespace: rec.Namespace,
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// holding runs do while the lease is kept, on the cluster as its holder has it. When the lease is lost, do's context ends
// with rollout.ErrLost; when it can't be known any more whether it is, with rollout.ErrBlind.
func (c *Cluster) holding(ctx context.Context, lease *record.Lease, do func(context.Context, *Cluster) error) error {
	own, err := c.under(lease)
	if err != nil {
		return err
	}
	working, stop := context.WithCancelCause(ctx)
	keeping, letGo := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan error, 1)
	go func() {
		err := lease.Keep(keeping)
		var refused *record.RefusedError
		switch {
		case errors.As(err, &refused):
			stop(rollout.ErrBlind)
		case err != nil:
			stop(rollout.ErrLost)
		}
		kept <- err
	}()
	err = do(working, own)
	letGo()
	stop(nil)
	lost := <-kept
	switch {
	case errors.Is(err, rollout.ErrBlind):
		return c.blind(lease.App, lost)
	case lost != nil:
		return errors.Join(err, lost)
	}
	return err
}

// blind is all that a process can say of a rollout that it was driving and is no longer let to see.
func (c *Cluster) blind(app string, why error) error {
	name := app + " -n " + c.Namespace
	return fmt.Errorf("lost sight of the rollout of %s: %w\n"+
		"  what has become of it is not known here: it stands as the cluster has it, or a standby in the cluster took it over\n"+
		"  with fresh credentials, see it: kubectl dro status %s\n"+
		"  go on with it: kubectl dro resume %s; give it back: kubectl dro abort %s", app, why, name, name, name)
}

// self names this process to other people.
func self() string {
	name, host := "somebody", "somewhere"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s (process %d)", name, host, os.Getpid())
}
