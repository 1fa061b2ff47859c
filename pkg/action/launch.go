package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
)

// leaseTerm is how long a launcher may be silent before another may take over.
const leaseTerm = 15 * time.Second

// Launch carries out a blueprint.
type Launch struct {
	Cluster    *Cluster
	Blueprint  *blueprint.Blueprint
	Prometheus string     // a URL or namespace/service:port; empty: found in the cluster
	Events     event.Sink // hears everything that happens
}

// Run launches and stays until the release is live and settled (nil), rolled back (*rollout.RolledBackError) or
// halted (*rollout.HaltedError). Other errors mean that nothing was begun.
func (l *Launch) Run(ctx context.Context) error {
	found := &survey{cluster: l.Cluster, blueprint: l.Blueprint, prometheus: l.Prometheus}
	if err := found.run(ctx); err != nil {
		return err
	}
	l.tell(found.notes)
	if len(found.steps) == 0 {
		return nil
	}
	lease := &record.Lease{
		Leases: l.Cluster.Client.CoordinationV1().Leases(l.Cluster.Namespace), Namespace: l.Cluster.Namespace,
		App: l.Blueprint.App, Holder: holder(), Term: leaseTerm,
	}
	if err := lease.Acquire(ctx); err != nil {
		return err
	}
	return holding(ctx, lease, func(ctx context.Context) error { return l.drive(ctx, found) })
}

func (l *Launch) tell(notes []string) {
	for _, n := range notes {
		l.Events.Emit(event.Event{
			Time: time.Now(), Type: event.Warning, Message: n,
			Rollout: l.Blueprint.ID, App: l.Blueprint.App, Namespace: l.Cluster.Namespace,
		})
	}
}

// drive writes the first record and runs the rollout.
func (l *Launch) drive(ctx context.Context, found *survey) error {
	records := l.Cluster.Records()
	if err := l.free(ctx, records); err != nil {
		return err
	}
	rec, err := found.record(time.Now())
	if err != nil {
		return err
	}
	engine, err := l.Cluster.engine(rec, l.Events)
	if err != nil {
		return err
	}
	if err := records.Create(ctx, rec); err != nil {
		return err
	}
	return engine.Run(ctx, rec)
}

// free refuses to begin beside a rollout that did not end.
func (l *Launch) free(ctx context.Context, records record.Store) error {
	all, err := records.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.App == l.Blueprint.App && !r.State.Ended() {
			return fmt.Errorf("rollout %s of app %s did not end: it is %s with %d%% on blue, and nobody drives it\n  see it: kubectl dro status %s -n %s",
				r.ID, r.App, r.State, r.Traffic, r.ID, r.Namespace)
		}
	}
	return nil
}

// holding runs do while the lease is kept. When the lease is lost, do's context ends with rollout.ErrLost.
func holding(ctx context.Context, lease *record.Lease, do func(context.Context) error) error {
	working, stop := context.WithCancelCause(ctx)
	keeping, letGo := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan error, 1)
	go func() {
		err := lease.Keep(keeping)
		if err != nil {
			stop(rollout.ErrLost)
		}
		kept <- err
	}()
	err := do(working)
	letGo()
	stop(nil)
	if lost := <-kept; lost != nil {
		return errors.Join(err, lost)
	}
	return err
}

// holder names this process to other people.
func holder() string {
	name, host := "somebody", "somewhere"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s (process %d)", name, host, os.Getpid())
}
