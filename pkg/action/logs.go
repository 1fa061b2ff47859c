package action

import (
	"context"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// Logs shows what a rollout said of itself, from its record.
type Logs struct {
	Cluster *Cluster
	Follow  bool       // go on until the rollout has ended
	Events  event.Sink // hears each event of the log once
}

// Run shows the log of the newest rollout of the given name, which is its id or its app's.
func (l *Logs) Run(ctx context.Context, name string) error {
	rec, err := l.Cluster.find(ctx, name)
	if err != nil {
		return err
	}
	if len(rec.Log) == 0 && (rec.State.Ended() || !l.Follow) {
		return fmt.Errorf("the record of rollout %s has no log: it was launched by an older kubectl-dro", rec.ID)
	}
	if !l.Follow {
		l.tell(rec, time.Time{})
		return nil
	}
	var told time.Time
	return l.Cluster.Records().Follow(ctx, rec, func(now *record.Rollout, _ *record.Command) bool {
		told = l.tell(now, told)
		return !now.State.Ended()
	})
}

// tell shows the events after a time, and returns that of the last. No two events of a log have the same.
func (l *Logs) tell(rec *record.Rollout, after time.Time) time.Time {
	done := map[string]string{}
	for _, s := range rec.Steps {
		done[s.ID] = s.Done
	}
	for _, e := range rec.Log {
		if !e.Time.After(after) {
			continue
		}
		if e.Step != nil {
			e.Step.Done = done[e.Step.ID] // which events do not carry outside of a process
		}
		l.Events.Emit(e)
		after = e.Time
	}
	return after
}
