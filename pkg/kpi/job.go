package kpi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Command runs a job's command once for a Service of the namespace, and returns its exit code. The error says why there
// is none.
type Command func(ctx context.Context, place blueprint.Place, service string) (exit int, err error)

// jobEvery is how often a job runs when its KPI doesn't say.
const jobEvery = 30 * time.Second

// jobQuery is what every job is asked: it is about a slot's Service.
const jobQuery = `"$service"`

// jobs runs commands in the cluster. A query is the name of the Service that the command is about; its one number is the
// exit code of the run that ended last. A run takes longer than a sample may, so it goes on beside the samples.
type jobs struct {
	run  Command
	now  func() time.Time
	live context.Context // ends the runs

	mu   sync.Mutex
	runs map[string]*run
}

// run is a query's last run, and the one that goes on.
type run struct {
	began time.Time
	over  chan struct{} // closed when the run that goes on has ended
	last  *Answer       // nil before the first has ended
}

func openJob(_ context.Context, way Way) (Source, string, error) {
	if way.Command == nil || way.Live == nil {
		return nil, "", errors.New("source job: there is nothing to run commands with")
	}
	return &jobs{run: way.Command, now: time.Now, live: way.Live, runs: map[string]*run{}}, "the jobs' exit codes", nil
}

// Sample starts runs that are due, and says how the last ones ended. Before the first has ended it waits, as long as the
// context lets it.
func (j *jobs) Sample(ctx context.Context, queries []string) ([]Answer, error) {
	answers := make([]Answer, len(queries))
	var wait sync.WaitGroup
	for i, q := range queries {
		wait.Go(func() { answers[i] = j.sample(ctx, q) })
	}
	wait.Wait()
	return answers, nil
}

func (j *jobs) sample(ctx context.Context, query string) Answer {
	o, text, err := parted(query)
	if err != nil {
		return Answer{Err: err}
	}
	service, err := strconv.Unquote(text)
	if err != nil {
		return Answer{Err: fmt.Errorf("query %s: it names no service", query)}
	}
	j.mu.Lock()
	r := j.runs[query]
	if r == nil {
		r = &run{}
		j.runs[query] = r
	}
	if r.over == nil && (r.last == nil || j.now().Sub(r.began) >= every(o.place)) {
		r.began, r.over = j.now(), make(chan struct{})
		go j.do(r, o.place, service)
	}
	last, over := r.last, r.over
	j.mu.Unlock()
	if last != nil {
		return *last
	}
	select {
	case <-over:
		j.mu.Lock()
		defer j.mu.Unlock()
		return *r.last
	case <-ctx.Done():
		return Answer{Err: fmt.Errorf("no run of %q for %s has ended yet", o.place.Cmd, service)}
	}
}

// do runs the command and keeps how it ended.
func (j *jobs) do(r *run, place blueprint.Place, service string) {
	exit, err := j.run(j.live, place, service)
	answer := Answer{Series: []Series{{Value: float64(exit)}}}
	if err != nil {
		answer = Answer{Err: fmt.Errorf("run %q for %s: %w", place.Cmd, service, err)}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r.last = &answer
	close(r.over)
	r.over = nil
}

func every(place blueprint.Place) time.Duration {
	if d, err := time.ParseDuration(place.Every); err == nil {
		return d
	}
	return jobEvery
}
