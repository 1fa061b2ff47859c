package kpi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	prom "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// points is how many moments of the past are asked for at most: Prometheus gives 11,000.
const points = 10000

// Replayed is how one KPI of one component would have judged the live version in the past.
type Replayed struct {
	Check    Check
	Launches int     // that were played
	Silent   int     // of those, without a number at any time
	Alarms   []Alarm // those that would have been rolled back
}

// Alarm is a breach in the past.
type Alarm struct {
	At     time.Time
	Reason string
}

// playback answers with what was, moment by moment.
type playback struct {
	past map[string][]Answer
	at   int
}

func (p *playback) Sample(_ context.Context, queries []string) ([]Answer, error) {
	out := make([]Answer, len(queries))
	for i, q := range queries {
		if p.at < len(p.past[q]) {
			out[i] = p.past[q][p.at]
		}
	}
	return out, nil
}

// Replay plays launches, one after the other, each as long as said, with green's past in the place of blue's present.
// Green has been fine: an alarm is a false one.
func (s *Sources) Replay(ctx context.Context, checks []Check, from, to time.Time, each time.Duration) ([]Replayed, error) {
	source, ok := s.open[blueprint.FromPrometheus].(*Prometheus)
	if !ok {
		return nil, errors.New("replay: no KPI is read from prometheus, and no other source keeps a past")
	}
	step := max(time.Second, (to.Sub(from) / points).Round(time.Second))
	var out []Replayed
	var played []Check
	for _, c := range checks {
		if c.Source != "" && c.Source != blueprint.FromPrometheus {
			continue
		}
		step = max(step, c.Interval)
		out = append(out, Replayed{Check: c})
		c.Blue = c.Green
		c.Queries = slices.Clone(c.Queries)
		for i := range c.Queries {
			c.Queries[i].Blue = nil // it is green that is judged
		}
		if !c.Rule.Threshold.Relative {
			c.Green.Service, c.Green.Workload, c.Green.Pods = "none", "none", "none" // beside itself, every breach would be an outage
		}
		played = append(played, c)
	}
	first, err := NewSentinel(nil, played)
	if err != nil {
		return nil, err
	}
	past := map[string][]Answer{}
	for _, q := range first.queries() {
		if past[q], err = source.between(ctx, q, from, to, step); err != nil {
			return nil, err
		}
	}
	length := max(int(each/step), 1)
	for begin := 0; begin+length < int(to.Sub(from)/step)+1; begin += length {
		if err := launch(ctx, out, played, &playback{past, begin}, length, func(i int) time.Time { return from.Add(time.Duration(i) * step) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// launch plays one launch and adds what came of it.
func launch(ctx context.Context, out []Replayed, checks []Check, past *playback, length int, when func(int) time.Time) error {
	s, err := NewSentinel(past, checks)
	if err != nil {
		return err
	}
	if err := s.Begin(ctx); err != nil {
		return err
	}
	known, alarmed := make([]bool, len(out)), make([]bool, len(out))
	for range length {
		past.at++
		readings, err := s.Round(ctx)
		if err != nil {
			return err
		}
		for i, r := range readings {
			known[i] = known[i] || r.Blue != ""
			if r.Verdict == judge.Breached && !alarmed[i] {
				alarmed[i] = true
				out[i].Alarms = append(out[i].Alarms, Alarm{when(past.at), r.Reason})
			}
		}
	}
	for i := range out {
		out[i].Launches++
		if !known[i] {
			out[i].Silent++
		}
	}
	return nil
}

// between is what a query would have been answered with, from one moment to another.
func (p *Prometheus) between(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	value, warnings, _, err := p.api.QueryRange(ctx, query, prom.Range{Start: from, End: to, Step: step})
	if err != nil {
		return nil, unanswered(err)
	}
	if len(warnings) > 0 {
		return nil, doubtful{warnings}
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("prometheus answered with a %s where a past was meant", value.Type())
	}
	out := make([]Answer, int(to.Sub(from)/step)+1)
	for n, s := range matrix {
		labels := map[string]string{"dro_series": strconv.Itoa(n)}
		for name, v := range s.Metric {
			labels[string(name)] = string(v)
		}
		for _, v := range s.Values {
			if i := int(v.Timestamp.Time().Sub(from).Round(step) / step); i >= 0 && i < len(out) {
				out[i].Series = append(out[i].Series, Series{Labels: labels, Value: float64(v.Value)})
			}
		}
	}
	return out, nil
}
