package action

import (
	"context"
	"errors"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// Launch carries out a blueprint.
type Launch struct {
	Cluster    *Cluster
	Blueprint  *blueprint.Blueprint
	Prometheus string // a URL or namespace/service:port; empty: found in the cluster
	Standby    StandbyWish
	Detach     bool       // leave the rollout to the standby as soon as it has proven itself
	Wait       bool       // stay for the keep window and for settling even if a standby is there
	FromPhase  string     // the phase to begin with; empty: the first
	Reason     string     // kept in the record
	Events     event.Sink // hears everything that happens
}

// Run launches and stays until the release is live and settled (nil), rolled back (*rollout.RolledBackError) or
// halted (*rollout.HaltedError). Other errors mean that nothing was begun.
func (l *Launch) Run(ctx context.Context) error {
	if l.Detach && l.Wait {
		return errors.New("--detach leaves the rollout to the standby, and --wait stays for it: say one of them")
	}
	if l.Detach {
		l.Standby.Wish = plan.Required
	}
	found := &survey{cluster: l.Cluster, blueprint: l.Blueprint, prometheus: l.Prometheus, standby: l.Standby, from: l.FromPhase}
	if err := found.begin(ctx); err != nil {
		return err
	}
	if err := l.Cluster.settleOverdue(ctx, "", l.Events); err != nil {
		return err
	}
	if begun, err := l.underWay(ctx); err != nil {
		return err
	} else if begun != nil {
		return l.again(ctx, begun)
	}
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
	rec.Reason = l.Reason
	if rec.By, err = own.whoami(ctx); err != nil {
		return err
	}
	engine, err := own.engine(ctx, rec, l.Events)
	if err != nil {
		return err
	}
	if err := own.Records().Create(ctx, rec); err != nil {
		return err
	}
	engine.LeaveAt = l.leaveAt(rec)
	return own.run(ctx, engine, rec)
}

// leaveAt is the step before which a standby takes over: at once, or once there is only time to wait for.
func (l *Launch) leaveAt(rec *record.Rollout) string {
	for i, step := range rec.Steps {
		switch {
		case l.Detach && step.Kind == plan.Standby && i+1 < len(rec.Steps):
			return rec.Steps[i+1].ID
		case !l.Wait && step.Kind == plan.Keep && step.For > 0:
			return step.ID
		}
	}
	return ""
}
