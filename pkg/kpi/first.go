package kpi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// past is how far back First looks. At the usual slowest scrape interval, a minute, it still holds two samples.
const (
	past     = "2m"
	lookBack = 2 * time.Minute
)

// Present is green's number for one check before anything is launched.
type Present struct {
	Check  Check
	Value  string  // as people write it; empty when there is no data
	Number float64 // the same as a share, seconds or plain number
	Within bool    // green itself keeps to the threshold; a relative one it always does
	NoData string  // why there is no number; empty when there is one
	Note   string  // what a person should know about the number

	Counted judge.Tally // green's requests in the last two minutes, and the bad ones among them
}

// PerSecond is how many requests green has a second.
func (p Present) PerSecond() float64 { return p.Counted.Total / lookBack.Seconds() }

// First tells green's present number of every check, in their order, over the last two minutes. A KPI without data
// for any component is an error that names the queries tried; one without data for some components is only reported.
func First(ctx context.Context, source Source, checks []Check) ([]Present, error) {
	var queries []string
	ask := func(q string) {
		if q != "" && !slices.Contains(queries, q) {
			queries = append(queries, q)
		}
	}
	candidates := make([][]candidate, len(checks))
	for i, c := range checks {
		var err error
		if candidates[i], err = c.candidates(); err != nil {
			return nil, err
		}
		for _, k := range candidates[i] {
			for _, q := range k.green.counters() {
				ask(q)
				ask(increase(q))
			}
			ask(k.green.value)
		}
	}
	answers, err := source.Sample(ctx, queries)
	if err != nil {
		return nil, fmt.Errorf("ask for green's present KPIs: %w", err)
	}
	byQuery := make(map[string]Answer, len(queries))
	for i, q := range queries {
		byQuery[q] = answers[i]
	}
	out := make([]Present, len(checks))
	for i, c := range checks {
		out[i] = present(c, candidates[i], byQuery)
	}
	return out, absent(out)
}

// increase asks what a counter went up by lately. Sources that keep no past tell what it went up by since it began.
func increase(query string) string {
	if unsourced(query) != query {
		return query
	}
	return over("increase", query, past)
}

// present works out one check's number from the answers.
func present(c Check, candidates []candidate, answers map[string]Answer) Present {
	p := Present{Check: c}
	k, ok := inUse(candidates, answers)
	if !ok {
		p.NoData = "no series for " + tried(candidates)
		return p
	}
	// The increases are counts from 0: counters that begin with nothing take them as they are.
	counters := map[string]*counter{}
	for _, q := range k.green.counters() {
		n := newCounter(q)
		n.begun = true
		if n.observe(answers[increase(q)]); n.missing == "" {
			n.missing = unusable(q, answers[q])
		}
		counters[q] = n
	}
	counts := k.green.counts(c.Rule.Kind, blueprint.Green, counters, answers)
	number, known := c.Rule.Measure(counts)
	switch {
	case counts.Missing != "":
		p.NoData = counts.Missing
	case !known:
		p.NoData = "green had no requests in the last " + past
	default:
		p.Number, p.Value = number, c.Rule.Format(number)
		if c.Rule.Kind != blueprint.Value {
			p.Counted = c.Rule.Tally(counts)
		}
		p.Within = c.Rule.Threshold.Relative || c.Rule.Threshold.Holds(number, number)
		// A misspelt query looks like this too. A built-in one is not misspelt.
		if hits := k.green.hits; hits != "" && c.Origin != builtIn && len(answers[hits].Series) == 0 {
			p.Note = "no series yet for " + hits + ", which counts as 0"
		}
	}
	return p
}

// inUse finds the candidate with series for green.
func inUse(candidates []candidate, answers map[string]Answer) (candidate, bool) {
	for _, c := range candidates {
		if a := answers[c.green.what]; len(a.Series) > 0 || a.Err != nil && len(candidates) == 1 {
			return c, true
		}
	}
	return candidate{}, false
}

// absent is the error for KPIs that no component has data for.
func absent(all []Present) error {
	has, why := map[string]bool{}, map[string][]string{}
	var names []string
	for _, p := range all {
		if !slices.Contains(names, p.Check.Name) {
			names = append(names, p.Check.Name)
		}
		has[p.Check.Name] = has[p.Check.Name] || p.NoData == ""
		why[p.Check.Name] = append(why[p.Check.Name], p.Check.Green.Component+": "+p.NoData)
	}
	var problems []error
	for _, name := range names {
		if !has[name] {
			problems = append(problems, fmt.Errorf("kpi %s has no data for green (defined by: %s)\n  %s\n  send it requests, correct its queries, or leave it out of the blueprint",
				name, origin(all, name), strings.Join(why[name], "\n  ")))
		}
	}
	return errors.Join(problems...)
}

func origin(all []Present, name string) string {
	i := slices.IndexFunc(all, func(p Present) bool { return p.Check.Name == name })
	return all[i].Check.Origin
}
