package action

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/slot"
	"dro.dev/kubectl-dro/pkg/smoke"
	"dro.dev/kubectl-dro/pkg/standby"
)

// GC removes what rollouts that have ended left in the namespace.
type GC struct {
	Cluster *Cluster
	DryRun  bool       // say what would go, and leave it
	Events  event.Sink // hears of rollouts that are settled first
}

// Leftover is one thing that a rollout left.
type Leftover struct {
	What    string // helm release food-svc/food-blue
	App     string
	Rollout string
	Why     string // it stays; empty: it goes
	remove  func(context.Context, *Cluster) error
}

// Run removes what may go, an app at a time and under its lease, and tells each thing with what became of it. Nothing that
// may still serve goes. That something could not be removed is an error at the end.
func (g *GC) Run(ctx context.Context, tell func(Leftover)) error {
	if !g.DryRun {
		if err := g.Cluster.settleOverdue(ctx, "", g.Events); err != nil {
			return err
		}
	}
	records, err := g.Cluster.Records().List(ctx)
	if err != nil {
		return err
	}
	left, err := g.look(ctx, g.Cluster, records)
	if err != nil {
		return err
	}
	byApp := map[string][]Leftover{}
	var apps []string
	for _, l := range left {
		if !slices.Contains(apps, l.App) {
			apps = append(apps, l.App)
		}
		byApp[l.App] = append(byApp[l.App], l)
	}
	var errs []error
	for _, app := range apps {
		if g.DryRun || !slices.ContainsFunc(byApp[app], func(l Leftover) bool { return l.Why == "" }) {
			for _, l := range byApp[app] {
				tell(l)
			}
			continue
		}
		errs = append(errs, g.clean(ctx, app, tell))
	}
	errs = append(errs, g.leases(ctx, records, apps, tell))
	return errors.Join(errs...)
}

// clean removes an app's leftovers while nobody else can begin a rollout of it.
func (g *GC) clean(ctx context.Context, app string, tell func(Leftover)) error {
	lease := g.Cluster.lease(app)
	if err := lease.Acquire(ctx); err != nil {
		return fmt.Errorf("clean up after %s: %w", app, err)
	}
	return g.Cluster.holding(ctx, lease, func(ctx context.Context, own *Cluster) error {
		records, err := own.Records().List(ctx) // as things are now that nobody else changes them
		if err != nil {
			return err
		}
		left, err := g.look(ctx, own, records)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(l Leftover) bool { return l.App != app })
		if slices.ContainsFunc(left, func(l Leftover) bool { return l.Why == "" }) {
			select { // what a router has just stopped sending there ends first
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(plan.DrainTime):
			}
		}
		var errs []error
		for _, l := range left {
			if l.Why == "" {
				if err := l.remove(ctx, own); err != nil {
					l.Why = err.Error()
					errs = append(errs, fmt.Errorf("remove %s: %w", l.What, err))
				}
			}
			tell(l)
		}
		return errors.Join(errs...)
	})
}

// look finds what there is, and why it must stay.
func (g *GC) look(ctx context.Context, c *Cluster, records []*record.Rollout) ([]Leftover, error) {
	var all []Leftover
	for _, find := range []func(context.Context, *Cluster, []*record.Rollout) ([]Leftover, error){leftTests, leftStandbys, leftBlues} {
		found, err := find(ctx, c, records)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b Leftover) int { return cmp.Compare(a.App, b.App) })
	return all, nil
}

// needed says why what a rollout made must stay, as far as its app's records tell.
func needed(records []*record.Rollout, app, rollout string) string {
	for _, r := range slices.Backward(records) {
		switch {
		case r.App != app:
		case r.State == record.Unreadable:
			return "what the rollout of its record " + r.Object() + " does is not known"
		case !r.State.Ended():
			return "rollout " + r.ID + " is under way"
		case r.ID == rollout && r.State == record.Halted:
			return "rollout " + r.ID + " halted and may need it; see kubectl dro retry " + r.ID + " -n " + r.Namespace
		}
	}
	return ""
}

func leftStandbys(ctx context.Context, c *Cluster, records []*record.Rollout) ([]Leftover, error) {
	accounts := c.Client.CoreV1().ServiceAccounts(c.Namespace)
	found, err := accounts.List(ctx, metav1.ListOptions{LabelSelector: record.LabelManagedBy + "=" + record.ManagedBy + "," + standby.Label})
	if err != nil {
		return nil, fmt.Errorf("list the standbys' serviceaccounts in %s: %w", c.Namespace, err)
	}
	var all []Leftover
	for _, account := range found.Items {
		app, rollout, name := account.Labels[record.LabelApp], account.Labels[record.LabelRollout], account.Name
		all = append(all, Leftover{
			What: fmt.Sprintf("standby %s/%s", c.Namespace, name), App: app, Rollout: rollout, Why: needed(records, app, rollout),
			remove: func(ctx context.Context, own *Cluster) error {
				return standby.Remove(ctx, own.Client, own.Namespace, name)
			},
		})
	}
	return all, nil
}

func leftTests(ctx context.Context, c *Cluster, records []*record.Rollout) ([]Leftover, error) {
	jobs, err := smoke.Leftovers(ctx, c.Client, c.Namespace)
	if err != nil {
		return nil, err
	}
	var all []Leftover
	for _, job := range jobs {
		all = append(all, Leftover{
			What: fmt.Sprintf("job %s/%s", c.Namespace, job.Job), App: job.App, Rollout: job.Rollout, Why: needed(records, job.App, job.Rollout),
			remove: func(ctx context.Context, own *Cluster) error {
				return (&smoke.Runner{Client: own.Client, Namespace: own.Namespace, App: job.App, Rollout: job.Rollout}).Clean(ctx)
			},
		})
	}
	return all, nil
}

func leftBlues(ctx context.Context, c *Cluster, records []*record.Rollout) ([]Leftover, error) {
	slots, err := c.slots(&blueprint.Blueprint{})
	if err != nil {
		return nil, err
	}
	releases, err := slots.Leftovers(ctx)
	if err != nil {
		return nil, err
	}
	var all []Leftover
	for _, rel := range releases {
		why := needed(records, rel.App, rel.Rollout)
		if why == "" {
			why = serving(ctx, c, rel)
		}
		all = append(all, Leftover{
			What: fmt.Sprintf("helm release %s/%s", c.Namespace, rel.Name), App: rel.App, Rollout: rel.Rollout, Why: why,
			remove: func(ctx context.Context, own *Cluster) error {
				slots, err := own.slots(&blueprint.Blueprint{ID: rel.Rollout, App: rel.App})
				if err != nil {
					return err
				}
				return slots.RemoveBlue(ctx, slot.Release{Name: rel.Name})
			},
		})
	}
	return all, nil
}

// leases removes the leases of apps that have nothing else left.
func (g *GC) leases(ctx context.Context, records []*record.Rollout, apps []string, tell func(Leftover)) error {
	leases := g.Cluster.Client.CoordinationV1().Leases(g.Cluster.Namespace)
	found, err := leases.List(ctx, metav1.ListOptions{LabelSelector: record.LabelManagedBy + "=" + record.ManagedBy})
	if err != nil {
		return fmt.Errorf("list leases in %s: %w", g.Cluster.Namespace, err)
	}
	var errs []error
	for _, lease := range found.Items {
		app := lease.Labels[record.LabelApp]
		known := slices.ContainsFunc(records, func(r *record.Rollout) bool { return r.App == app })
		if known || slices.Contains(apps, app) || !strings.HasPrefix(lease.Name, "dro-") {
			continue
		}
		l := Leftover{What: fmt.Sprintf("lease %s/%s", lease.Namespace, lease.Name), App: app}
		if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
			l.Why = *holder + " holds it"
		} else if !g.DryRun {
			same := metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion} // nobody has taken it since
			if err := leases.Delete(ctx, lease.Name, metav1.DeleteOptions{Preconditions: &same}); err != nil {
				l.Why = err.Error()
				errs = append(errs, fmt.Errorf("remove %s: %w", l.What, err))
			}
		}
		tell(l)
	}
	return errors.Join(errs...)
}
