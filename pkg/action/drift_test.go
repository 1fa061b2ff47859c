package action

import (
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// What a rollout's routers are compared with is what was written last.
func TestThePhaseThatWasWrittenLast(t *testing.T) {
	for name, tc := range map[string]struct {
		state     record.State
		returning bool
		begun     int // steps
		want      string
	}{
		"nothing yet":            {record.Testing, false, 1, ""},
		"the first phase":        {record.Shifting, false, 2, "canary"},
		"it is held":             {record.Paused, false, 3, "canary"},
		"the second":             {record.Keeping, false, 5, "full"},
		"all is given back":      {record.Settling, false, 6, ""},
		"all is to be":           {record.RollingBack, true, 3, ""},
		"a way back that halted": {record.Halted, true, 3, ""},
		"it is over":             {record.RolledBack, false, 3, ""},
	} {
		rec := &record.Rollout{State: tc.state, Returning: tc.returning, Steps: []record.Step{
			{Kind: plan.Test}, {Kind: plan.Shift, Phase: "canary"}, {Kind: plan.Hold, Phase: "canary"},
			{Kind: plan.Shift, Phase: "full"}, {Kind: plan.Keep}, {Kind: plan.Return},
		}}
		for i := range tc.begun {
			rec.Steps[i].Started = new(time.Now())
		}
		if got := written(rec); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}
