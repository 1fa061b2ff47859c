package record_test

import (
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/record"
)

func TestOverdue(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		state record.State
		step  record.Step
		now   time.Time
		want  time.Duration
	}{
		"within the window":  {record.Keeping, record.Step{State: record.Keeping, Started: &began, For: time.Hour}, began.Add(time.Minute), 0},
		"after the window":   {record.Keeping, record.Step{State: record.Keeping, Started: &began, For: time.Hour}, began.Add(90 * time.Minute), 30 * time.Minute},
		"paused by a person": {record.Paused, record.Step{State: record.Keeping, Started: &began, For: time.Hour}, began.Add(90 * time.Minute), 0},
		"not begun":          {record.Keeping, record.Step{State: record.Keeping, For: time.Hour}, began.Add(90 * time.Minute), 0},
		"another step":       {record.Shifting, record.Step{State: record.Shifting, Started: &began}, began.Add(90 * time.Minute), 0},
	} {
		r := record.Rollout{State: tc.state, Steps: []record.Step{{Progress: record.Done}, tc.step}}
		if got := r.Overdue(tc.now); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	if got := (&record.Rollout{State: record.Keeping}).Overdue(began); got != 0 {
		t.Errorf("a record without steps is overdue by %s", got)
	}
}
