package kpi

import (
	"context"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// Source answers queries: one answer for each, in their order. An error means that none was answered.
type Source interface {
	Sample(ctx context.Context, queries []string) ([]Answer, error)
}

// Check is a KPI of one component, aimed at both slots.
type Check struct {
	Definition
	Green, Blue Target
}

// Checks aims every definition at every component.
func Checks(defs []Definition, pairs []Pair) []Check {
	var out []Check
	for _, p := range pairs {
		for _, d := range defs {
			out = append(out, Check{Definition: d, Green: p.Green, Blue: p.Blue})
		}
	}
	return out
}

// Pair is the two slots of one component.
type Pair struct{ Green, Blue Target }

// Reading is one KPI of one component at one moment, as people write it.
type Reading struct {
	Name      string
	Component string
	Verdict   judge.Verdict
	Blue      string // 0.7%, 212ms; empty when not known
	Green     string
	Threshold string // < 0.5%
	Reason    string // the verdict in a sentence
	NoData    blueprint.NoData
}

// Sentinel samples checks and judges them. It is for one goroutine.
type Sentinel struct {
	source Source
	checks []Check
	now    func() time.Time
}

// NewSentinel watches checks through source.
func NewSentinel(source Source, checks []Check, now func() time.Time) (*Sentinel, error) {
	return &Sentinel{source: source, checks: checks, now: now}, nil
}

// Interval is the time between rounds: the shortest of the checks', at least a second.
func (s *Sentinel) Interval() time.Duration { return 2 * time.Second }

// Begin forgets what was and takes the baseline. Call it when a phase's weight has taken effect.
func (s *Sentinel) Begin(ctx context.Context) error { panic("being written") }

// Round samples every check once and judges it. A source that doesn't answer makes every reading inconclusive, with
// the reason; the error is for a context that ended.
func (s *Sentinel) Round(ctx context.Context) ([]Reading, error) { panic("being written") }
