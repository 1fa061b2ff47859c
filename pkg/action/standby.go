package action

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
	"dro.dev/kubectl-dro/pkg/slot"
	"dro.dev/kubectl-dro/pkg/standby"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// Standby waits in the cluster until a rollout's launcher leaves it or falls silent, and goes on then.
type Standby struct {
	Cluster *Cluster
	App     string
	Number  int        // the rollout's, among the app's
	Pod     string     // which it runs in
	Events  event.Sink // hears what happens once it has taken over
}

// Run stays until the rollout is over, and then removes the standby. An error means that another must be started in its
// place, by the Job that it is of.
func (s *Standby) Run(ctx context.Context) error {
	rec, err := s.Cluster.Records().Get(ctx, s.App, s.Number)
	if err != nil {
		return err
	}
	if err := s.vouch(ctx, rec); err != nil {
		return err
	}
	lease := s.Cluster.lease(s.App)
	silent := ""
	taken, err := lease.Succeed(ctx, func(who string) (over bool, err error) {
		silent = who
		rec, err = s.read(ctx)
		return err == nil && rec.State.Ended(), err
	})
	if err != nil {
		return err
	}
	if taken {
		if err := s.goOn(ctx, lease, silent); err != nil {
			return err
		}
	}
	return s.job(rec).Remove(ctx)
}

func (s *Standby) job(rec *record.Rollout) *standby.Job {
	return &standby.Job{Client: s.Cluster.Client, Records: s.Cluster.Records(), Namespace: s.Cluster.Namespace, Rollout: rec}
}

// vouch tries, without changing anything, what giving traffic back would take, and puts on the record how it went.
func (s *Standby) vouch(ctx context.Context, rec *record.Rollout) error {
	proof := record.Proof{Pod: s.Pod}
	if err := s.try(ctx, rec); err != nil {
		proof.Problem = err.Error()
	}
	return s.Cluster.Records().Vouch(ctx, rec, proof)
}

func (s *Standby) try(ctx context.Context, rec *record.Rollout) error {
	found, _, err := read(rec)
	if err != nil {
		return err
	}
	return (&traffic.Mover{Client: s.Cluster.Dynamic, DryRun: true}).Shift(ctx, found.Routes, 100)
}

// read reads the record, for as long as the API server can't be asked.
func (s *Standby) read(ctx context.Context) (*record.Rollout, error) {
	for {
		rec, err := s.Cluster.Records().Get(ctx, s.App, s.Number)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || ctx.Err() != nil {
			return rec, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(2 * time.Second):
		}
	}
}

// goOn drives the rollout in its launcher's place. When this process is to end, because its node is emptied for example,
// it leaves everything as it is: the next standby goes on from there.
func (s *Standby) goOn(ctx context.Context, lease *record.Lease, silent string) error {
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() { stop(rollout.ErrLost) })()
	err := s.Cluster.holding(working, lease, func(ctx context.Context, own *Cluster) error {
		rec, err := own.Records().Get(ctx, s.App, s.Number) // as it is now that nobody else writes it
		if err != nil || rec.State.Ended() {
			return err
		}
		engine, err := own.engine(ctx, rec, s.Events)
		if err != nil {
			return err
		}
		engine.Standby = atWork{}
		return s.carry(ctx, own, engine, rec, silent)
	})
	var back *rollout.RolledBackError
	var halted *rollout.HaltedError
	if errors.As(err, &back) || errors.As(err, &halted) {
		return nil // that is how it ended
	}
	return err
}

// carry does what the blueprint says about a launcher that is gone. One that left on purpose wanted it to go on; and once
// blue has proven itself, or a way back has begun, there is only one way.
func (s *Standby) carry(ctx context.Context, own *Cluster, engine *rollout.Engine, rec *record.Rollout, silent string) error {
	_, bp, err := read(rec)
	if err != nil {
		return err
	}
	cause := &rollout.SilenceError{Launcher: cmp.Or(silent, "who let it go"), By: s.Cluster.Self}
	tell := func(message string) {
		engine.Tell(rec, event.Event{Type: event.TakenOver, Message: message})
	}
	switch {
	case rec.Detached, rec.State == record.Keeping, rec.State == record.Settling, rec.State == record.RollingBack:
		tell(s.Cluster.Self + " goes on")
		return own.run(ctx, engine, rec)
	case bp.OnSilence == blueprint.SilenceContinue:
		tell(cause.Error() + " and goes on")
		rec.Detached = true
		return own.run(ctx, engine, rec)
	case bp.OnSilence == blueprint.SilenceHold:
		tell(cause.Error() + " and holds")
		rec.State, rec.Cause, rec.Detached = record.Paused, cause.Error(), true
		return own.run(ctx, engine, rec)
	}
	tell(cause.Error() + " and rolls back")
	return engine.Back(ctx, rec, cause)
}

// atWork is the standby of a rollout that the standby itself drives: it is there, and goes when it is done.
type atWork struct{}

func (atWork) Prepare(context.Context, func(string)) error { return nil }
func (atWork) Remove(context.Context) error                { return nil }

// placed is pkg/standby as the loop wants it.
type placed struct {
	cluster *Cluster
	rec     *record.Rollout
	found   *facts
	slots   *slot.Slots
}

func (p placed) job() *standby.Job {
	return &standby.Job{
		Client: p.cluster.Client, Records: p.cluster.Records(), Namespace: p.cluster.Namespace, Rollout: p.rec, Image: p.found.Standby,
	}
}

func (p placed) Prepare(ctx context.Context, progress func(string)) error {
	job := p.job()
	kinds, err := p.slots.Kinds(ctx, p.found.Components)
	if err != nil {
		return err
	}
	resources, err := p.cluster.resources(kinds)
	if err != nil {
		return err
	}
	job.Rules = standbyRules(p.cluster.lease(p.rec.App).Name(), p.found.Routes, resources)
	return job.Place(ctx, progress)
}

func (p placed) Remove(ctx context.Context) error { return p.job().Remove(ctx) }

// about is what a rollout's Kubernetes Events are about: green's workload, whose description then shows them. At a first
// launch it is the record.
func about(rec *record.Rollout, found *facts) corev1.ObjectReference {
	for _, c := range found.moving() {
		if kind, name, ok := strings.Cut(c.GreenWorkload, "/"); ok {
			return corev1.ObjectReference{APIVersion: "apps/v1", Kind: kind, Namespace: rec.Namespace, Name: name}
		}
	}
	return corev1.ObjectReference{APIVersion: "v1", Kind: "Secret", Namespace: rec.Namespace, Name: rec.Object()}
}
