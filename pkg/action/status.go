package action

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/record"
)

// Status reads how rollouts stand.
type Status struct {
	Cluster    *Cluster
	Everywhere bool // in all namespaces
}

// Run returns the newest record of the rollout or app called name; without a name, the newest of every app.
func (s *Status) Run(ctx context.Context, name string) ([]*record.Rollout, error) {
	if !s.Everywhere {
		if err := s.Cluster.reachable(ctx); err != nil {
			return nil, err
		}
	}
	all, err := s.records().List(ctx)
	if err != nil {
		return nil, err
	}
	withoutLogs(all)
	if name != "" {
		one, err := record.Find(all, name)
		if err != nil {
			return nil, err
		}
		return []*record.Rollout{one}, nil
	}
	var newest []*record.Rollout
	for i, r := range all { // an app's records stand together, the newest last
		if i == len(all)-1 || all[i+1].App != r.App || all[i+1].Namespace != r.Namespace {
			newest = append(newest, r)
		}
	}
	return newest, nil
}

// History returns all records of an app, which may be named by one of its rollouts.
func (s *Status) History(ctx context.Context, name string) ([]*record.Rollout, error) {
	all, err := s.records().List(ctx)
	if err != nil {
		return nil, err
	}
	withoutLogs(all)
	app := name // whose newest record may be one that can't be read, and is shown as such
	if !slices.ContainsFunc(all, func(r *record.Rollout) bool { return r.App == name }) {
		one, err := record.Find(all, name)
		if err != nil {
			return nil, err
		}
		app = one.App
	}
	var apps []*record.Rollout
	for _, r := range all {
		if r.App == app {
			apps = append(apps, r)
		}
	}
	return apps, nil
}

// Watch calls see with the newest record of that name, and with who drives it, at each change until the rollout has ended.
func (s *Status) Watch(ctx context.Context, name string, see func(*record.Rollout, string) error) error {
	rec, err := s.Cluster.find(ctx, name)
	if err != nil {
		return err
	}
	var failed error
	err = s.Cluster.Records().Follow(ctx, rec, func(now *record.Rollout, _ *record.Command) bool {
		now.Log = nil
		driver, err := s.Driver(ctx, now)
		if err == nil {
			err = see(now, driver)
		}
		failed = err
		return err == nil && !now.State.Ended()
	})
	if failed != nil {
		return failed
	}
	return err
}

// Driver says who drives a rollout, in words; nothing of one that has ended.
func (s *Status) Driver(ctx context.Context, rec *record.Rollout) (string, error) {
	if rec.State.Ended() {
		return "", nil
	}
	holder, renewed, err := s.Cluster.lease(rec.App).Seen(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return "not known: you may not read leases", nil
	case err != nil:
		return "", err
	case holder == "":
		return "nobody", nil
	}
	return fmt.Sprintf("%s, last sign of life %s", holder, renewed.UTC().Format("2006-01-02 15:04:05Z")), nil
}

// Reminders says of records what waits for somebody to act, and with which command. Reading does not act itself: see
// docs/decisions/0004-reading-does-not-settle.md.
func Reminders(records []*record.Rollout, now time.Time) []string {
	var all []string
	for _, r := range records {
		if over := overdue(r, now); over > 0 {
			all = append(all, fmt.Sprintf("the keep window of %s has been over for %s and nobody has settled it: kubectl dro settle %s -n %s",
				r.ID, over.Round(time.Second), r.ID, r.Namespace))
		}
	}
	return all
}

// withoutLogs leaves the logs to Logs: they are long.
func withoutLogs(records []*record.Rollout) {
	for _, r := range records {
		r.Log = nil
	}
}

func (s *Status) records() record.Store {
	if s.Everywhere {
		return record.Store{Secrets: s.Cluster.Client.CoreV1().Secrets(metav1.NamespaceAll)}
	}
	return s.Cluster.Records()
}
