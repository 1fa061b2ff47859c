package kpi

import (
	"context"
	"fmt"
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

// Pair is the two slots of one component.
type Pair struct{ Green, Blue Target }

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
	source   Source
	now      func() time.Time
	watches  []*watch
	counters map[string]*counter // by the query as the definition has it
	begun    time.Time           // zero without a baseline
}

// watch is a check and how it went since the baseline.
type watch struct {
	Check
	candidates []candidate // one, once it is known which data plane is in use
	rounds     []judge.Round
	lastGreen  *float64 // outlives the baseline
}

// NewSentinel watches checks through source.
func NewSentinel(source Source, checks []Check, now func() time.Time) (*Sentinel, error) {
	s := &Sentinel{source: source, now: now, counters: map[string]*counter{}}
	for _, c := range checks {
		candidates, err := c.candidates()
		if err != nil {
			return nil, err
		}
		s.watches = append(s.watches, &watch{Check: c, candidates: candidates})
	}
	return s, nil
}

// Interval is the time between rounds: the shortest of the checks', at least a second.
func (s *Sentinel) Interval() time.Duration {
	shortest := time.Duration(0)
	for _, w := range s.watches {
		if shortest == 0 || w.Interval < shortest {
			shortest = w.Interval
		}
	}
	return max(shortest, time.Second)
}

// Begin forgets what was and takes the baseline. Call it when a phase's weight has taken effect. When it fails, the
// next round that is answered becomes the baseline.
func (s *Sentinel) Begin(ctx context.Context) error {
	s.begun = time.Time{}
	clear(s.counters)
	for _, w := range s.watches {
		w.rounds = nil
	}
	if _, err := s.sample(ctx); err != nil {
		return fmt.Errorf("take the KPIs' baseline: %w", err)
	}
	s.begun = s.now()
	return nil
}

// Round samples every check once and judges it. A source that doesn't answer makes every reading inconclusive, with
// the reason; the error is for a context that ended.
func (s *Sentinel) Round(ctx context.Context) ([]Reading, error) {
	if s.begun.IsZero() {
		if err := s.Begin(ctx); err != nil {
			return s.unanswered(ctx, err)
		}
	}
	values, err := s.sample(ctx)
	if err != nil {
		return s.unanswered(ctx, err)
	}
	at := s.now().Sub(s.begun)
	var out []Reading
	for _, w := range s.watches {
		out = append(out, w.reading(w.judge(at, s.counters, values)))
	}
	return out, nil
}

func (s *Sentinel) unanswered(ctx context.Context, err error) ([]Reading, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("sample the KPIs: %w", ctx.Err())
	}
	var out []Reading
	for _, w := range s.watches {
		out = append(out, w.reading(judge.Finding{Verdict: judge.Inconclusive, Reason: err.Error()}))
	}
	return out, nil
}

// sample asks everything in one request, takes the counters on, and returns the answers by query.
func (s *Sentinel) sample(ctx context.Context) (map[string]Answer, error) {
	queries := s.queries()
	if len(queries) == 0 {
		return nil, nil // a rollout without KPIs has no source
	}
	answers, err := s.source.Sample(ctx, queries)
	if err != nil {
		return nil, err
	}
	if len(answers) != len(queries) {
		return nil, fmt.Errorf("%d answers to %d queries", len(answers), len(queries))
	}
	byQuery := make(map[string]Answer, len(queries))
	for i, q := range queries {
		byQuery[q] = answers[i]
		if c := s.counters[q]; c != nil {
			c.observe(answers[i])
		}
	}
	return byQuery, nil
}

// queries lists what the checks need, each once.
func (s *Sentinel) queries() []string {
	var out []string
	listed := map[string]bool{}
	add := func(q string) {
		if q != "" && !listed[q] {
			listed[q] = true
			out = append(out, q)
		}
	}
	for _, w := range s.watches {
		for _, c := range w.candidates {
			for _, slot := range []aimed{c.green, c.blue} {
				for _, q := range slot.counters() {
					add(q)
					if s.counters[q] == nil {
						s.counters[q] = newCounter(q)
					}
				}
				add(slot.value)
			}
		}
	}
	return out
}

// choose settles on the data plane that has counted requests of the component, green's before blue's.
func (w *watch) choose(counters map[string]*counter) bool {
	if len(w.candidates) == 1 {
		return true
	}
	for _, slot := range []func(candidate) aimed{func(c candidate) aimed { return c.green }, func(c candidate) aimed { return c.blue }} {
		for _, c := range w.candidates {
			for _, q := range slot(c).total {
				if len(counters[q].series) > 0 {
					w.candidates = []candidate{c}
					return true
				}
			}
		}
	}
	return false
}

// judge adds what was sampled at a time since the baseline to the rounds, and judges them.
func (w *watch) judge(at time.Duration, counters map[string]*counter, answers map[string]Answer) judge.Finding {
	round := judge.Round{At: at}
	if w.choose(counters) {
		c := w.candidates[0]
		round.Green = c.green.counts(w.Rule.Kind, blueprint.Green, counters, answers)
		round.Blue = c.blue.counts(w.Rule.Kind, blueprint.Blue, counters, answers)
	} else {
		missing := judge.Counts{Missing: "no data for green: no series for " + tried(w.candidates)}
		round.Green, round.Blue = missing, missing
	}
	w.rounds = append(w.rounds, round)
	w.rounds = w.rounds[judge.Spare(w.Rule, w.rounds):]
	rule := w.Rule
	rule.LastGreen = w.lastGreen
	found := judge.Judge(rule, w.rounds)
	if found.Green != nil {
		w.lastGreen = found.Green
	}
	return found
}

// reading writes a finding as people do.
func (w *watch) reading(f judge.Finding) Reading {
	r := Reading{
		Name: w.Name, Component: w.Green.Component,
		Verdict: f.Verdict, Reason: f.Reason,
		Threshold: w.Rule.Threshold.String(), NoData: w.NoData,
	}
	if f.Blue != nil {
		r.Blue = w.Rule.Format(*f.Blue)
	}
	if f.Green != nil {
		r.Green = w.Rule.Format(*f.Green)
	}
	return r
}
