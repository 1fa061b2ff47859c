package kpi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// patience is how long one answer of a source may take.
const patience = 5 * time.Second

// Way is what sources are reached with.
type Way struct {
	Live       context.Context // until when what was opened may go on beside the samples
	Client     kubernetes.Interface
	Namespace  string
	Prometheus Access
	Command    Command // runs a job's command in the cluster
}

// registry has a line for each source: how it is opened, which also says in words where it is, and how often it may be
// asked at most.
func registry() map[blueprint.Source]struct {
	open  func(context.Context, Way) (Source, string, error)
	least time.Duration
} {
	return map[blueprint.Source]struct {
		open  func(context.Context, Way) (Source, string, error)
		least time.Duration
	}{
		blueprint.FromPrometheus: {openPrometheus, time.Second},
		blueprint.FromPods:       {openPods, 100 * time.Millisecond},
		blueprint.FromWeb:        {openWeb, time.Second},
		blueprint.FromJob:        {openJob, time.Second},
	}
}

// least is how short the check's interval can be.
func (c Check) least() time.Duration {
	if c.Source == "" {
		return registry()[blueprint.FromPrometheus].least
	}
	return registry()[c.Source].least
}

// Sources asks each query's own source.
type Sources struct {
	Prometheus string // where Prometheus was found, as Access.Address says it; empty when it is not asked

	open     map[blueprint.Source]Source
	now      func() time.Time
	patience time.Duration
	last     map[blueprint.Source]reply
}

// reply is what a source said, for as long as it may not be asked again.
type reply struct {
	at      time.Time
	queries []string
	answers []Answer
	err     error
}

// Open opens the sources that the definitions need, and says in words where they are.
func Open(ctx context.Context, way Way, defs []Definition) (*Sources, string, error) {
	s := &Sources{open: map[blueprint.Source]Source{}, now: time.Now, patience: patience, last: map[blueprint.Source]reply{}}
	var places []string
	for _, d := range defs {
		from := d.Source
		if from == "" {
			from = blueprint.FromPrometheus
		}
		if s.open[from] != nil {
			continue
		}
		row, known := registry()[from]
		if !known {
			return nil, "", fmt.Errorf("kpi %s: unknown source %q; there are %s", d.Name, from, sourceNames())
		}
		source, where, err := row.open(ctx, way)
		if err != nil {
			return nil, "", err
		}
		s.open[from] = source
		if from == blueprint.FromPrometheus {
			s.Prometheus = strings.TrimPrefix(where, "service ")
		}
		if !slices.Contains(places, where) {
			places = append(places, where)
		}
	}
	return s, strings.Join(places, ", "), nil
}

func sourceNames() string {
	var names []string
	for name := range maps.Keys(registry()) {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Sample asks all sources at the same time. When one of several doesn't answer, its queries have the error; the error
// is for when none does.
func (s *Sources) Sample(ctx context.Context, queries []string) ([]Answer, error) {
	bySource := map[blueprint.Source][]int{}
	for i, q := range queries {
		o, _, err := parted(q)
		if err != nil {
			return nil, err
		}
		bySource[o.source] = append(bySource[o.source], i)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	answers := make([]Answer, len(queries))
	for from, indexes := range bySource {
		own := make([]string, len(indexes))
		for n, i := range indexes {
			own[n] = queries[i]
		}
		wait.Go(func() {
			got, err := s.ask(ctx, from, own, &mu)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems = append(problems, err)
			}
			for n, i := range indexes {
				if err != nil {
					answers[i].Err = err
				} else {
					answers[i] = got[n]
				}
			}
		})
	}
	wait.Wait()
	if len(problems) > 0 && len(problems) == len(bySource) {
		return nil, errors.Join(problems...)
	}
	return answers, nil
}

// ask asks one source, unless it has said the same a moment ago: another KPI's shorter interval is not for all sources.
func (s *Sources) ask(ctx context.Context, from blueprint.Source, queries []string, mu *sync.Mutex) ([]Answer, error) {
	source := s.open[from]
	if source == nil {
		return nil, fmt.Errorf("no KPI said that it is from %s", from)
	}
	mu.Lock()
	last, at := s.last[from], s.now()
	mu.Unlock()
	if least := registry()[from].least; slices.Equal(last.queries, queries) && at.Sub(last.at) < least*9/10 {
		return last.answers, last.err
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	answers, err := source.Sample(ctx, queries)
	if err == nil && len(answers) != len(queries) {
		err = fmt.Errorf("%s: %d answers to %d queries", from, len(answers), len(queries))
	}
	mu.Lock()
	defer mu.Unlock()
	s.last[from] = reply{at, queries, answers, err}
	return answers, err
}

// Warm lets the jobs of green end once, however long they take, so that there is something to tell of them.
func (s *Sources) Warm(ctx context.Context, checks []Check) error {
	source := s.open[blueprint.FromJob]
	if source == nil {
		return nil
	}
	var queries []string
	for _, c := range checks {
		if c.Source != blueprint.FromJob {
			continue
		}
		candidates, err := c.candidates()
		if err != nil {
			return err
		}
		for _, k := range candidates {
			queries = append(queries, k.green.value)
		}
	}
	_, err := source.Sample(ctx, queries)
	return err
}
