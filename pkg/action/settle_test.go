package action

import (
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/record"
)

func TestSettled(t *testing.T) {
	at := func(state, step record.State) *record.Rollout {
		return &record.Rollout{ID: "food-v2", Namespace: "food-svc", State: state, Traffic: 50, Steps: []record.Step{{State: step}}}
	}
	for name, tc := range map[string]struct {
		rec    *record.Rollout
		answer string // there is nothing to do
		err    string // it can't be done
	}{
		"kept":            {at(record.Keeping, record.Keeping), "", ""},
		"paused and kept": {at(record.Paused, record.Keeping), "", ""},
		"settling":        {at(record.Settling, record.Settling), "", ""},
		"completed":       {at(record.Completed, ""), "it has settled", ""},
		"rolled back":     {at(record.RolledBack, ""), "", "is over: RolledBack"},
		"on its way back": {at(record.RollingBack, record.Keeping), "", "on its way back"},
		"shifting":        {at(record.Shifting, record.Shifting), "", "promote food-v2 --full -n food-svc"},
		"paused at 50 %":  {at(record.Paused, record.Shifting), "", "Paused with 50% on blue"},
	} {
		answer, err := settled(tc.rec)
		if !strings.Contains(answer, tc.answer) || (answer == "") != (tc.answer == "") {
			t.Errorf("%s: answered %q, want %q", name, answer, tc.answer)
		}
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: got %v, want %q", name, err, tc.err)
		}
	}
}

func TestRemindersNameTheCommand(t *testing.T) {
	now := time.Now()
	kept := func(began time.Time) *record.Rollout {
		return &record.Rollout{ID: "food-v2", Namespace: "food-svc", State: record.Keeping,
			Steps: []record.Step{{State: record.Keeping, Started: &began, For: time.Minute}}}
	}
	all := []*record.Rollout{
		kept(now.Add(-time.Hour)),
		kept(now.Add(-time.Minute - leaseTerm/2)), // whoever drives it may be about to settle
		kept(now),
	}
	got := Reminders(all, now)
	if len(got) != 1 || !strings.Contains(got[0], "over for 59m0s") || !strings.Contains(got[0], "kubectl dro settle food-v2 -n food-svc") {
		t.Errorf("got %q", got)
	}
}
