package record

import (
	"encoding/json"
	"slices"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
)

// Schema is the version of the record's form that this build writes.
const Schema = 1

// State is where a rollout stands in its life.
type State string

// The states of a rollout.
const (
	Preparing   State = "Preparing"
	Testing     State = "Testing"
	Shifting    State = "Shifting"
	Keeping     State = "Keeping"
	Paused      State = "Paused" // waits for a person's word; Cause says why
	Settling    State = "Settling"
	Completed   State = "Completed"
	RollingBack State = "RollingBack"
	RolledBack  State = "RolledBack"
	Halted      State = "Halted" // it needs a person; Cause says why
	// Unreadable stands for a record that can't be read; Cause says why. What its rollout does is not known.
	Unreadable State = "Unreadable"
)

// Ended reports whether nothing more will happen without a person.
func (s State) Ended() bool { return s == Completed || s == RolledBack || s == Halted }

// Rollout is one launch of one blueprint.
type Rollout struct {
	Schema     int             `json:"schema"`
	ID         string          `json:"id"`
	App        string          `json:"app"`
	Namespace  string          `json:"namespace"`
	Number     int             `json:"number"` // counts the app's rollouts, from 1
	State      State           `json:"state"`
	Traffic    int             `json:"traffic"` // blue's share in percent, as last written
	Cause      string          `json:"cause,omitempty"`
	Ask        bool            `json:"ask,omitempty"`       // a breach pauses and asks, instead of going back
	Answer     *Answer         `json:"answer,omitempty"`    // to the last command
	Standby    bool            `json:"standby,omitempty"`   // a standby in the cluster has proven itself
	Detached   bool            `json:"detached,omitempty"`  // its launcher left it to the standby on purpose
	Returning  bool            `json:"returning,omitempty"` // it has begun its way back to green
	By         string          `json:"by,omitempty"`        // who launched it
	Reason     string          `json:"reason,omitempty"`    // why, in their words
	Started    time.Time       `json:"started"`
	Ended      *time.Time      `json:"ended,omitempty"`
	Components []Component     `json:"components"`
	Steps      []Step          `json:"steps"`
	KPIs       []Series        `json:"kpis,omitempty"`
	Blueprint  json.RawMessage `json:"blueprint"`       // as launched, defaults applied
	Facts      json.RawMessage `json:"facts,omitempty"` // what was found at the launch; pkg/action knows its form
	Log        []event.Event   `json:"log,omitempty"`   // what happened, as Logged keeps it

	// What the cluster had when the record was last read or written: a write over anything else is refused.
	resourceVersion string
	annotations     map[string]string
	written         []byte
	sent            [][]byte // what has been sent since, and may have been written or still be
}

// Current is the step that is under way or comes next, nil when all are done.
func (r *Rollout) Current() *Step {
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Progress != Done })
	if i < 0 {
		return nil
	}
	return &r.Steps[i]
}

// Overdue is how long the keep window of a rollout has been over that nobody has settled; 0 for any other. Driven by
// somebody, it is no longer than one look at the KPIs takes.
func (r *Rollout) Overdue(now time.Time) time.Duration {
	step := r.Current()
	if r.State != Keeping || step == nil || step.State != Keeping || step.Started == nil {
		return 0
	}
	return max(0, now.Sub(step.Started.Add(step.For)))
}

// Component is a component's name and its image in both slots.
type Component struct {
	Name  string `json:"name"`
	Green string `json:"green,omitempty"`
	Blue  string `json:"blue"`
}

// Step is one thing a rollout does, with how far it came.
type Step struct {
	ID        string        `json:"id"`             // unique in the rollout: shift/canary
	Kind      string        `json:"kind"`           // what does it: shift
	Title     string        `json:"title"`          // what it will do
	Done      string        `json:"done,omitempty"` // what is so once it is done
	State     State         `json:"state"`          // the rollout's while the step runs
	Component string        `json:"component,omitempty"`
	Release   string        `json:"release,omitempty"`
	Test      string        `json:"test,omitempty"`
	Phase     string        `json:"phase,omitempty"`
	Traffic   int           `json:"traffic,omitempty"`
	For       time.Duration `json:"for,omitempty"`      // how long it holds, in nanoseconds
	Manual    bool          `json:"manual,omitempty"`   // a person opens the gate at its end
	Optional  bool          `json:"optional,omitempty"` // that it failed is told, and stops nothing
	Proven    bool          `json:"proven,omitempty"`   // it ends as soon as health is proven
	Progress  Progress      `json:"progress,omitempty"`
	Note      string        `json:"note,omitempty"` // what came of it
	Started   *time.Time    `json:"started,omitempty"`
	Ended     *time.Time    `json:"ended,omitempty"`
}

// Progress is how far a step came.
type Progress string

// The progress of a step; a step not begun has none.
const (
	Running Progress = "running"
	Done    Progress = "done"
	Failed  Progress = "failed"
)
