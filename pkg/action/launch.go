package action

import (
	"context"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
)

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
		l.emit(event.Event{Type: event.Completed, Message: "live already; nothing to do"})
		return nil
	}
	lease := l.Cluster.lease(l.Blueprint.App)
	if err := lease.Acquire(ctx); err != nil {
		return err
	}
	return l.Cluster.holding(ctx, lease, func(ctx context.Context, own *Cluster) error { return l.drive(ctx, own, found) })
}

func (l *Launch) tell(notes []string) {
	for _, n := range notes {
		l.emit(event.Event{Type: event.Warning, Message: n})
	}
}

func (l *Launch) emit(e event.Event) {
	e.Time, e.Rollout, e.App, e.Namespace = time.Now(), l.Blueprint.ID, l.Blueprint.App, l.Cluster.Namespace
	l.Events.Emit(e)
}

// drive writes the first record and runs the rollout.
func (l *Launch) drive(ctx context.Context, own *Cluster, found *survey) error {
	if err := own.free(ctx, l.Blueprint.App); err != nil { // another may have come and died since the survey
		return err
	}
	rec, err := found.record(time.Now())
	if err != nil {
		return err
	}
	engine, err := own.engine(ctx, rec, l.Events)
	if err != nil {
		return err
	}
	if err := own.Records().Create(ctx, rec); err != nil {
		return err
	}
	return own.run(ctx, engine, rec)
}
