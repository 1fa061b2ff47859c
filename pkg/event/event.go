package event

import "time"

// Type says what happened. Its values are part of the JSON output and do not change meaning.
type Type string

// The events of a rollout, in the order of its life.
const (
	Started     Type = "deployment.started"      // Images: the rollout has its record
	StepStarted Type = "step.started"            // Step
	Progress    Type = "step.progress"           // Step, Message: what is being waited for
	StepDone    Type = "step.done"               // Step, Took, Message
	StepFailed  Type = "step.failed"             // Step, Took, Error
	TestLog     Type = "test.log"                // Step, Message: one line of a test's output
	Shifted     Type = "traffic.shifted"         // Traffic: blue's share as written
	KPIs        Type = "kpi.sampled"             // KPIs
	Warning     Type = "warning"                 // Message
	Paused      Type = "deployment.paused"       // Message: who paused it, or Error: what a person must judge
	Waiting     Type = "deployment.waiting"      // Step: its gate is open to nobody but a person
	Resumed     Type = "deployment.resumed"      // Message: who
	HandedOver  Type = "deployment.handed_over"  // Message: who goes on; Traffic
	TakenOver   Type = "deployment.taken_over"   // Message: who goes on, and why
	RollingBack Type = "deployment.rolling_back" // Error: the cause
	RolledBack  Type = "deployment.rolled_back"  // Error: the cause; Took: from the decision to green's weight written
	Completed   Type = "deployment.completed"    // Took
	Halted      Type = "deployment.halted"       // Error: what a person must decide
)

// Event is one thing that happened in a rollout. Fields that say nothing of it are empty.
type Event struct {
	Time      time.Time `json:"time"`
	Type      Type      `json:"type"`
	Rollout   string    `json:"rollout"`
	App       string    `json:"app"`
	Namespace string    `json:"namespace"`
	Step      *Step     `json:"step,omitempty"`
	Traffic   *int      `json:"traffic,omitempty"` // blue's share in percent
	KPIs      []Reading `json:"kpis,omitempty"`
	Images    []Image   `json:"images,omitempty"`
	Message   string    `json:"message,omitempty"`
	Error     string    `json:"error,omitempty"`
	Took      float64   `json:"tookSeconds,omitempty"`
}

// Step names the step an event belongs to.
type Step struct {
	ID        string `json:"id"`   // unique in the rollout, such as shift/canary
	Kind      string `json:"kind"` // such as shift
	Title     string `json:"title"`
	Phase     string `json:"phase,omitempty"`
	Component string `json:"component,omitempty"`
	Traffic   int    `json:"traffic,omitempty"` // blue's share during the step, in percent
	Done      string `json:"-"`                 // what people read once it is done
}

// Image is a component's image in both slots.
type Image struct {
	Component string `json:"component"`
	Green     string `json:"green,omitempty"` // none before the first launch
	Blue      string `json:"blue"`
}

// Verdict is what the KPI sentinel thinks of a KPI.
type Verdict string

// The verdicts. Absence of data is Inconclusive, never Steady.
const (
	Steady       Verdict = "steady"
	Breached     Verdict = "breached"
	Inconclusive Verdict = "inconclusive"
)

// Reading is one KPI at one moment.
type Reading struct {
	Name      string  `json:"name"`
	Component string  `json:"component,omitempty"`
	Verdict   Verdict `json:"verdict"`
	Blue      string  `json:"blue,omitempty"`  // as people write it: 0.7%, 212ms
	Green     string  `json:"green,omitempty"` // the same for green
	Threshold string  `json:"threshold"`
	Reason    string  `json:"reason"` // the verdict in a sentence

	// The same as numbers: shares from 0 to 1, seconds, or plain. Those that are not known are left out.
	BlueValue  *float64 `json:"blueValue,omitempty"`
	GreenValue *float64 `json:"greenValue,omitempty"`
	Limit      *float64 `json:"limit,omitempty"` // the threshold in force
	Bad        float64  `json:"bad,omitempty"`   // of blue's requests that were counted
	Total      float64  `json:"total,omitempty"`
	Evidence   float64  `json:"evidence,omitempty"`       // for a breach: a healthy release reaches x with a chance of at most 1/x
	Health     float64  `json:"healthEvidence,omitempty"` // for health, in the same way
	Needed     float64  `json:"evidenceNeeded,omitempty"` // what makes a breach
	Proven     bool     `json:"proven,omitempty"`         // health is proven
	Outage     bool     `json:"outage,omitempty"`         // green breaches it as well
}

// Sink hears every event. It is called synchronously, must return soon, and cannot fail a rollout.
type Sink interface {
	Emit(Event)
}

// Fanout passes each event to every sink, in order.
type Fanout []Sink

// Emit passes e on.
func (f Fanout) Emit(e Event) {
	for _, s := range f {
		s.Emit(e)
	}
}
