package kpi

import (
	"fmt"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// aimed is one slot's queries with the names filled in. Which are set is the KPI's kind.
type aimed struct {
	hits    string   // ratio: requests of the kind the KPI names
	total   []string // ratio: added up; a built-in of another kind: tells that the data plane is in use
	buckets string   // quantile
	units   float64  // how many of the buckets' units make a second
	value   string   // value
	scrapes []string // the selectors whose scrapes tell whether its numbers are new: of a ratio those that count all requests
	what    string   // the metric that says whether there is data, for people
}

// aim fills a target's names into queries.
func (q Queries) aim(rule judge.Rule, t Target) (aimed, error) {
	var problem error
	fill := func(query string) string {
		if query == "" {
			return ""
		}
		text, err := t.aim(query)
		if err != nil {
			problem = err
		}
		return text
	}
	good, bad, total := tracked(fill(q.Good)), tracked(fill(q.Bad)), tracked(fill(q.Total))
	a := aimed{hits: bad, buckets: tracked(fill(q.Buckets)), units: 1, value: fill(q.Query)}
	if q.Unit == "ms" {
		a.units = 1000
	}
	// With both given, the one that counts is the one the threshold speaks of.
	if bad == "" || good != "" && strings.HasPrefix(rule.Threshold.Op, ">") {
		a.hits = good
	}
	switch {
	case total != "":
		a.total = []string{total}
	case good != "" && bad != "":
		a.total = []string{good, bad}
	}
	switch {
	case a.buckets != "":
		a.scrapes = selectors(a.buckets)
	case len(a.total) > 0:
		a.scrapes = selectors(a.total[0])
	default:
		a.scrapes = selectors(a.value)
	}
	for _, text := range []string{total, bad, good, a.buckets, a.value} {
		if text != "" {
			a.what = text
			break
		}
	}
	return a, problem
}

// counters are the queries whose series are counted since the baseline.
func (a aimed) counters() []string {
	var out []string
	for _, q := range append([]string{a.hits, a.buckets}, a.total...) {
		if q != "" {
			out = append(out, q)
		}
	}
	return out
}

// candidate is one way to ask for a KPI, for both slots.
type candidate struct {
	plane       string
	green, blue aimed
}

// candidates aims a check at its two slots.
func (c Check) candidates() ([]candidate, error) {
	var out []candidate
	for _, q := range c.Queries {
		green, err := q.aim(c.Rule, c.Green)
		if err != nil {
			return nil, fmt.Errorf("kpi %s of %s: %w", c.Name, c.Green.Component, err)
		}
		asBlue := q
		if q.Blue != nil {
			asBlue = *q.Blue
		}
		blue, err := asBlue.aim(c.Rule, c.Blue)
		if err != nil {
			return nil, fmt.Errorf("kpi %s of %s: %w", c.Name, c.Green.Component, err)
		}
		out = append(out, candidate{plane: q.Plane, green: green, blue: blue})
	}
	return out, nil
}

// tried names what was asked for and had no series, for people.
func tried(candidates []candidate) string {
	if len(candidates) > 3 {
		return fmt.Sprintf("any of the %d known data planes and forms of metrics (to see them: kubectl dro kpis)", len(candidates))
	}
	var names []string
	for _, c := range candidates {
		names = append(names, c.green.what)
	}
	return strings.Join(names, ", ")
}

// counts puts a slot's numbers together from its counters.
func (a aimed) counts(kind blueprint.KPIKind, slot blueprint.Slot, counters map[string]*counter, values map[string]Answer) judge.Counts {
	if kind == blueprint.Value {
		v, missing := number(a.value, values[a.value])
		return judge.Counts{Value: v, Missing: missing}
	}
	for _, q := range a.counters() {
		if c := counters[q]; c.missing != "" {
			return judge.Counts{Missing: c.missing}
		}
	}
	if kind == blueprint.Quantile {
		c := counters[a.buckets]
		if len(c.series) == 0 {
			return judge.Counts{Missing: fmt.Sprintf("no %s requests counted: no series for %s", slot, a.buckets)}
		}
		buckets, err := c.buckets()
		if err != nil {
			return judge.Counts{Missing: err.Error()}
		}
		for i := range buckets {
			buckets[i].Bound /= a.units
		}
		return judge.Counts{Buckets: buckets}
	}
	out := judge.Counts{Hits: counters[a.hits].total()}
	seen := false
	for _, q := range a.total {
		seen = seen || len(counters[q].series) > 0
		out.Total += counters[q].total()
	}
	if !seen {
		out.Missing = fmt.Sprintf("no %s requests counted: no series for %s", slot, strings.Join(a.total, ", "))
	}
	return out
}
