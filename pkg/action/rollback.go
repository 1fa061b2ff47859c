package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// Rollback brings the previous version back: in one write while green is kept warm, else by a rollout of its own.
type Rollback struct {
	Cluster    *Cluster
	Prometheus string // as Launch's, like what follows
	Standby    StandbyWish
	Wait       bool
	Reason     string     // kept in the record
	Events     event.Sink // hears what happens when this process does it itself
}

// Run goes back from the newest rollout of the given name, which is its id or its app's. It says what it found or did.
// The error is as Launch.Run's when the previous version is launched, and as Steer.Run's when green is still there.
func (r *Rollback) Run(ctx context.Context, name string) (string, error) {
	all, err := r.Cluster.Records().List(ctx)
	if err != nil {
		return "", err
	}
	rec, err := record.Find(all, name)
	if err != nil {
		return "", err
	}
	switch {
	case rec.State == record.Settling:
		return "", fmt.Errorf("rollout %s is settling: green is being replaced\n  go back once it has: kubectl dro rollback %s -n %s",
			rec.ID, rec.ID, rec.Namespace)
	case !rec.State.Ended():
		return (&Steer{Cluster: r.Cluster, Verb: record.Abort, Reason: r.Reason, Events: r.Events}).Run(ctx, rec.ID)
	case rec.State == record.RolledBack:
		return over(rec) + "; what was live before it is live", nil
	case rec.State == record.Halted:
		return "", errors.New(over(rec))
	}
	if err := r.Cluster.newest(ctx, rec); err != nil {
		return "", err
	}
	bp, notes, err := previous(all, rec)
	if err != nil {
		return "", err
	}
	for _, note := range notes {
		warn(r.Events, rec, note)
	}
	reason := "back from " + rec.ID
	if r.Reason != "" {
		reason += ": " + r.Reason
	}
	launch := Launch{
		Cluster: r.Cluster, Blueprint: bp, Prometheus: r.Prometheus, Standby: r.Standby, Wait: r.Wait, Reason: reason, Events: r.Events,
	}
	return "", launch.Run(ctx)
}

// previous is the blueprint of what was live before a rollout: the one that launched it, or else the rollout's own with
// the images that it found.
func previous(all []*record.Rollout, rec *record.Rollout) (*blueprint.Blueprint, []string, error) {
	was := map[string]string{}
	for _, c := range rec.Components {
		if c.Green != "" {
			was[c.Name] = c.Green
		}
	}
	if len(was) == 0 {
		return nil, nil, fmt.Errorf("rollout %s was the first launch of app %s: there is nothing to go back to", rec.ID, rec.App)
	}
	for _, older := range slices.Backward(all) {
		if older.App == rec.App && older.Number < rec.Number && older.State == record.Completed && made(older, was) {
			_, bp, err := read(older)
			return bp, nil, err
		}
	}
	return reversed(rec, was)
}

// made says whether a rollout made exactly those images live.
func made(r *record.Rollout, images map[string]string) bool {
	for _, c := range r.Components {
		if images[c.Name] != c.Blue {
			return false
		}
	}
	return len(r.Components) == len(images)
}

// reversed is a rollout's own blueprint with the images it found. The charts are left out: blue is then made from what
// is live, with the old image.
func reversed(rec *record.Rollout, was map[string]string) (*blueprint.Blueprint, []string, error) {
	_, bp, err := read(rec)
	if err != nil {
		return nil, nil, err
	}
	notes := []string{fmt.Sprintf("no record tells how %s was launched: its images are launched with the tests, KPIs and phases of %s",
		strings.Join(images(rec), ", "), rec.ID)}
	var kept []blueprint.Component
	for _, c := range bp.Images {
		image, had := was[c.Name()]
		if !had {
			notes = append(notes, c.Name()+" was new in "+rec.ID+": it stays as it is")
			continue
		}
		if c.Chart != "" {
			notes = append(notes, c.Name()+" keeps its present chart: only the image goes back")
		}
		c.Image, c.Tag, c.Digest, c.Chart, c.Version = image, "", "", "", ""
		kept = append(kept, c)
	}
	if len(bp.Configs) > 0 {
		notes = append(notes, "the configs stay as "+rec.ID+" has them")
	}
	bp.ID, bp.Images = backID(rec.ID), kept
	if err := bp.Validate(); err != nil {
		return nil, nil, fmt.Errorf("make a blueprint of what was before %s: %w", rec.ID, err)
	}
	return bp, notes, nil
}

func images(rec *record.Rollout) []string {
	var all []string
	for _, c := range rec.Components {
		if c.Green != "" {
			all = append(all, c.Green)
		}
	}
	return all
}

// backID names the rollout that goes back from another; an id has room for 63 characters.
func backID(id string) string {
	const suffix = "-rollback"
	return strings.TrimRight(id[:min(len(id), 63-len(suffix))], "-.") + suffix
}
