package judge

import (
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Verdict is what the judge thinks of a KPI.
type Verdict string

// The verdicts. Absence of data is Inconclusive, never Steady.
const (
	Steady       Verdict = "steady"
	Breached     Verdict = "breached"
	Inconclusive Verdict = "inconclusive"
)

// Rule is what is asked of a KPI.
type Rule struct {
	Kind      blueprint.KPIKind
	Threshold blueprint.Threshold
	Quantile  float64 // of a quantile: 0.99
	For       int     // consecutive rounds over the threshold that make a breach
}

// Counts is what one slot has counted since the baseline. Which fields matter is the rule's kind.
type Counts struct {
	Hits    float64  // ratio: requests of the kind the KPI names
	Total   float64  // ratio: all requests
	Buckets []Bucket // quantile: cumulative, by rising bound
	Value   float64  // value: the number itself, which is not cumulative
	Missing string   // why there is no number; empty when there is one
}

// Bucket counts the requests that took at most Bound seconds.
type Bucket struct{ Bound, Count float64 }

// Round is one sampling of both slots.
type Round struct {
	At          time.Duration // since the baseline, which is a round at 0 with nothing counted
	Blue, Green Counts
}

// Finding is a verdict with what led to it.
type Finding struct {
	Verdict     Verdict
	Blue, Green *float64 // shares, seconds or plain numbers; nil when not known
	Limit       *float64 // the threshold in force; nil when it depends on green and green has no data
	Breaches    int      // consecutive rounds over the threshold, at most the rule's For
	Reason      string   // the verdict in a sentence
}
