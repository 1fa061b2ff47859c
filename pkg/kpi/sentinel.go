package kpi

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// Source answers queries: one answer for each, in their order. An error means that none was answered.
type Source interface {
	Sample(ctx context.Context, queries []string) ([]Answer, error)
}

// Scraped is a source that samples its series at times of its own, which it can be asked for: the present time there, and
// when each target that has series of a selector was scraped last, as seconds since 1970.
type Scraped interface {
	Clock() (query string)
	Scrapes(selector string) (query string)
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
	Relative  bool   // to green: it can't tell whether green is well
	Reason    string // the verdict in a sentence
	NoData    blueprint.NoData
	Found     judge.Finding // the same as numbers
}

// Sentinel samples checks and judges them. It is for one goroutine.
type Sentinel struct {
	source   Source
	watches  []*watch
	schedule schedule
	stale    int                 // answers in a row that were older than the last
	last     []Reading           // of the last round that saw anything new
	counters map[string]*counter // by the query as the definition has it
	begun    bool                // there is a baseline
	begins   int                 // how many baselines there were
}

// watch is a check and how it went since the baseline.
type watch struct {
	Check
	candidates []candidate // one, once it is known which data plane is in use
	state      judge.State
	doubtful   bool // the last round's verdict
}

// NewSentinel watches checks through source.
func NewSentinel(source Source, checks []Check) (*Sentinel, error) {
	s := &Sentinel{source: source, counters: map[string]*counter{}}
	for _, c := range checks {
		candidates, err := c.candidates()
		if err != nil {
			return nil, err
		}
		s.watches = append(s.watches, &watch{Check: c, candidates: candidates})
		if c.scraped() && c.Interval > 0 && (s.schedule.wanted == 0 || c.Interval < s.schedule.wanted) {
			s.schedule.wanted = c.Interval
		}
	}
	return s, nil
}

// Wait is how long after the last round the next one is due: just after the next scrape of what Prometheus is asked for,
// and as often as the checks of other sources want; in doubt, as often as they can be asked.
func (s *Sentinel) Wait() time.Duration {
	shortest := time.Duration(0)
	scraped := false
	for _, w := range s.watches {
		if w.scraped() {
			scraped = true
			continue
		}
		own := w.Interval
		switch {
		case w.doubtful:
			own = 0
		case own == 0:
			own = usualInterval
		}
		if own = max(own, w.least()); shortest == 0 || own < shortest {
			shortest = own
		}
	}
	if own := s.schedule.wait(); scraped && (shortest == 0 || own < shortest) {
		return own
	}
	if shortest == 0 {
		return time.Second
	}
	return shortest
}

// Alpha is one KPI's part, at the n-th baseline, of the false alarms that a whole rollout may make: three tenths at each
// of the first two, a fifth at the third, and the last fifth is shared out among all that follow, 1/k(k+1) of it to the
// k-th of them, which never adds up to more than it is. After twenty it stays.
func Alpha(checks, baseline int) float64 {
	part := 0.2
	switch k := float64(min(baseline, 20) - 3); {
	case k < 0:
		part = 0.3
	case k > 0:
		part /= k * (k + 1)
	}
	return judge.Alpha / float64(max(checks, 1)) * part
}

// Begun says that a process before this one took a baseline.
func (s *Sentinel) Begun() { s.begins++ }

// Begin forgets what was and takes the baseline. Call it when a phase's weight has taken effect. When it fails, the
// next round that is answered becomes the baseline.
func (s *Sentinel) Begin(ctx context.Context) error {
	s.begins++
	return s.baseline(ctx)
}

func (s *Sentinel) baseline(ctx context.Context) error {
	s.begun = false
	clear(s.counters)
	for _, w := range s.watches {
		w.state.Begin()
		w.doubtful = false
		w.Rule.Alpha = Alpha(len(s.watches), s.begins)
	}
	s.last = nil
	if _, _, err := s.sample(ctx); err != nil {
		return fmt.Errorf("take the KPIs' baseline: %w", err)
	}
	s.begun = true
	return nil
}

// Round samples every check once and judges it. A source that doesn't answer makes every reading inconclusive, with
// the reason; the error is for a context that ended.
func (s *Sentinel) Round(ctx context.Context) ([]Reading, error) {
	if !s.begun {
		if err := s.baseline(ctx); err != nil {
			return s.unanswered(ctx, err)
		}
	}
	values, fresh, err := s.sample(ctx)
	if err != nil {
		return s.unanswered(ctx, err)
	}
	if !fresh && s.last != nil && !s.overdue() {
		return s.last, nil
	}
	var out []Reading
	for _, w := range s.watches {
		found := w.judge(s, values)
		w.doubtful = found.Doubtful()
		out = append(out, w.reading(found))
	}
	s.last = out
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

// sample asks everything in one request, takes the counters on, and returns the answers by query. Fresh says that there
// may be something new in them.
func (s *Sentinel) sample(ctx context.Context) (byQuery map[string]Answer, fresh bool, err error) {
	queries := s.queries()
	if len(queries) == 0 {
		return nil, true, nil // a rollout without KPIs has no source
	}
	answers, err := s.source.Sample(ctx, queries)
	if err != nil {
		return nil, false, err
	}
	if len(answers) != len(queries) {
		return nil, false, fmt.Errorf("%d answers to %d queries", len(answers), len(queries))
	}
	byQuery = make(map[string]Answer, len(queries))
	for i, q := range queries {
		byQuery[q] = answers[i]
	}
	fresh, older := s.observe(byQuery)
	fresh = fresh || slices.ContainsFunc(s.watches, func(w *watch) bool { return !w.scraped() })
	if s.stale++; older && s.stale < missed {
		return byQuery, false, nil
	}
	s.stale = 0
	if older { // it is not another replica that answers: the source's clock went back
		s.schedule.reset()
		fresh = true
	}
	for q, c := range s.counters {
		c.observe(byQuery[q])
	}
	return byQuery, fresh, nil
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
	if scraped, is := s.source.(Scraped); is && len(out) > 0 {
		blue, green := s.selectors()
		for _, selector := range append(blue, green...) {
			add(scraped.Scrapes(selector))
		}
		add(scraped.Clock())
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

// judge hands what was sampled to the judge.
func (w *watch) judge(s *Sentinel, answers map[string]Answer) judge.Finding {
	var round judge.Round
	if w.choose(s.counters) {
		c := w.candidates[0]
		round.Green = c.green.counts(w.Rule.Kind, blueprint.Green, s.counters, answers)
		round.Blue = c.blue.counts(w.Rule.Kind, blueprint.Blue, s.counters, answers)
		if old := s.old(c.blue); old != "" {
			round.Blue.Missing = old
		}
	} else {
		missing := judge.Counts{Missing: "no data for green: no series for " + tried(w.candidates)}
		round.Green, round.Blue = missing, missing
	}
	return w.state.Add(w.Rule, round)
}

// reading writes a finding as people do.
func (w *watch) reading(f judge.Finding) Reading {
	r := Reading{
		Name: w.Name, Component: w.Green.Component,
		Verdict: f.Verdict, Reason: f.Reason,
		Threshold: w.Rule.Threshold.String(), NoData: w.NoData, Found: f,
		Relative: w.Rule.Threshold.Relative,
	}
	if f.Blue != nil {
		r.Blue = w.Rule.Format(*f.Blue)
	}
	if f.Green != nil {
		r.Green = w.Rule.Format(*f.Green)
	}
	return r
}
