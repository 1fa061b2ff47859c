package kpi

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// counter counts what one query's series went up by since the baseline.
type counter struct {
	query   string
	plain   bool // the series are counters; otherwise an expression, whose drops say nothing
	begun   bool
	series  map[string]*track
	namer   namer
	missing string // why the last answer had no number
}

// track is one series.
type track struct {
	labels map[string]string
	last   float64
	grown  float64 // since the baseline
}

// newCounter makes a counter whose first answer is its baseline.
func newCounter(query string) *counter {
	return &counter{query: query, plain: selector(unsourced(query)), series: map[string]*track{}}
}

// observe takes in an answer. A series that is new since the baseline, or that restarted, counts from 0; one that is
// gone keeps what it had.
func (c *counter) observe(a Answer) {
	if c.missing = unusable(c.query, a); c.missing != "" {
		return
	}
	for _, s := range a.Series {
		name := c.namer.of(s.Labels)
		t := c.series[string(name)]
		switch {
		case t == nil:
			t = &track{labels: s.Labels}
			c.series[string(name)] = t
			if c.begun {
				t.grown = s.Value
			}
		case s.Value >= t.last:
			t.grown += s.Value - t.last
		case c.plain:
			t.grown += s.Value
		}
		t.last = s.Value
	}
	c.begun = true
}

// total is what all series went up by.
func (c *counter) total() float64 {
	sum := 0.0
	for _, t := range c.series {
		sum += t.grown
	}
	return sum
}

// buckets is what a histogram's buckets went up by, over all its series.
func (c *counter) buckets() ([]judge.Bucket, error) {
	sums := map[float64]float64{}
	for _, t := range c.series {
		bound, err := strconv.ParseFloat(t.labels["le"], 64)
		if err != nil || math.IsNaN(bound) {
			return nil, fmt.Errorf("%s has le=%q, which is not a bucket bound: buckets names a histogram's _bucket series, with le", c.query, t.labels["le"])
		}
		sums[bound] += t.grown
	}
	var out []judge.Bucket
	for _, bound := range slices.Sorted(maps.Keys(sums)) {
		out = append(out, judge.Bucket{Bound: bound, Count: sums[bound]})
	}
	if len(out) > 0 && (len(out) < 2 || !math.IsInf(out[len(out)-1].Bound, 1)) {
		return nil, fmt.Errorf("%s lacks the bucket le=\"+Inf\" or any other", c.query)
	}
	return out, nil
}

// unusable says why an answer has no counts in it, if so.
func unusable(query string, a Answer) string {
	if a.Err != nil {
		return a.Err.Error()
	}
	for _, s := range a.Series {
		if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || s.Value < 0 {
			return fmt.Sprintf("%s is %v, which is not a count", query, s.Value)
		}
	}
	return ""
}

// number is the one number a value's query is to answer with.
func number(query string, a Answer) (float64, string) {
	switch {
	case a.Err != nil:
		return 0, a.Err.Error()
	case len(a.Series) == 0:
		return 0, "no series for " + query
	case len(a.Series) > 1:
		return 0, fmt.Sprintf("%d series for %s, where one number is meant: sum or select", len(a.Series), query)
	case math.IsNaN(a.Series[0].Value) || math.IsInf(a.Series[0].Value, 0):
		return 0, fmt.Sprintf("%s is %v", query, a.Series[0].Value)
	}
	return a.Series[0].Value, ""
}

// namer names series by their labels. It keeps its room, so that a thousand names cost nothing.
type namer struct {
	labels []string
	name   []byte
}

// of is the name of a series, until the next one is asked for.
func (n *namer) of(labels map[string]string) []byte {
	n.labels, n.name = n.labels[:0], n.name[:0]
	for l := range labels {
		n.labels = append(n.labels, l)
	}
	slices.Sort(n.labels)
	for _, l := range n.labels {
		n.name = append(append(n.name, l...), 0xff) // in no label: they are UTF-8
		n.name = append(append(n.name, labels[l]...), 0xff)
	}
	return n.name
}
