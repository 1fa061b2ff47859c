package action

import (
	"context"
	"errors"
	"fmt"

	"github.com/pmezard/go-difflib/difflib"
	"sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/record"
)

// underWay is the rollout of this very blueprint that has not ended, nil when there is none.
func (l *Launch) underWay(ctx context.Context) (*record.Rollout, error) {
	all, err := l.Cluster.Records().List(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.App == l.Blueprint.App && r.ID == l.Blueprint.ID && !r.State.Ended() && r.State != record.Unreadable {
			return r, nil
		}
	}
	return nil, nil
}

// again goes on with a rollout of this blueprint that is under way and that nobody drives.
func (l *Launch) again(ctx context.Context, rec *record.Rollout) error {
	lease := l.Cluster.lease(rec.App)
	err := lease.Acquire(ctx)
	var held *record.HeldError
	if errors.As(err, &held) {
		return joinIt(rec, held.Holder)
	}
	if err != nil {
		return err
	}
	return l.Cluster.holding(ctx, lease, func(ctx context.Context, own *Cluster) error { return l.goOn(ctx, own, rec.ID) })
}

func (l *Launch) goOn(ctx context.Context, own *Cluster, id string) error {
	rec, err := own.find(ctx, id) // as it is now that nobody else writes it
	if err != nil {
		return err
	}
	if rec.State.Ended() {
		return fmt.Errorf("%s, just now\n  launch it again if you want to", over(rec))
	}
	name := rec.ID + " -n " + rec.Namespace
	if l.FromPhase != "" {
		return fmt.Errorf("rollout %s is under way: it goes on where it is, not from phase %s\n  skip the phases up to 100%%: kubectl dro promote %s --full",
			rec.ID, l.FromPhase, name)
	}
	edits, err := edited(rec, l.Blueprint)
	if err != nil {
		return err
	}
	if edits != "" {
		return fmt.Errorf("rollout %s is under way, and the blueprint has been edited since its launch:\n%s"+
			"  go on as launched: kubectl dro resume %s\n  give it back:      kubectl dro abort %s", rec.ID, edits, name, name)
	}
	who, err := own.whoami(ctx)
	if err != nil {
		return err
	}
	engine, err := own.engine(ctx, rec, l.Events)
	if err != nil {
		return err
	}
	reason := "launched again"
	if l.Reason != "" {
		reason += ": " + l.Reason
	}
	engine.Resume(rec, record.Command{Verb: record.Resume, By: who, Reason: reason})
	return own.run(ctx, engine, rec)
}

// joinIt says who drives a rollout, and how to see it from here.
func joinIt(rec *record.Rollout, driver string) error {
	name := rec.ID + " -n " + rec.Namespace
	return fmt.Errorf("rollout %s is under way: it is %s with %d%% on blue, driven by %s\n"+
		"  join it:      kubectl dro status -w %s\n  its log:      kubectl dro logs -f %s\n  give it back: kubectl dro abort %s",
		rec.ID, rec.State, rec.Traffic, driver, name, name, name)
}

// edited is the difference between the blueprint that a rollout was launched from and another, as a unified diff of
// what they mean: what is only written differently is none.
func edited(rec *record.Rollout, now *blueprint.Blueprint) (string, error) {
	_, launched, err := read(rec)
	if err != nil {
		return "", err
	}
	launched.Default() // an older kubectl-dro may have known fewer
	before, err := yaml.Marshal(launched)
	if err != nil {
		return "", fmt.Errorf("write the blueprint of rollout %s: %w", rec.ID, err)
	}
	after, err := yaml.Marshal(now)
	if err != nil {
		return "", fmt.Errorf("write the blueprint: %w", err)
	}
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(before)), FromFile: "as launched",
		B: difflib.SplitLines(string(after)), ToFile: "as it is now", Context: 3,
	})
}
