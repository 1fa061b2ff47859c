package kpi

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// counter counts what one query's series went up by since the baseline.
type counter struct {
	query   string
	plain   bool // the series are counters; otherwise an expression, whose drops say nothing
	begun   bool
	series  map[string]*track
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
	return &counter{query: query, plain: selector(query), series: map[string]*track{}}
}

// observe takes in an answer. A series that is new since the baseline, or that restarted, counts from 0; one that is
// gone keeps what it had.
func (c *counter) observe(a Answer) {
	if c.missing = unusable(c.query, a); c.missing != "" {
		return
	}
	for _, s := range a.Series {
		k := key(s.Labels)
		t := c.series[k]
		switch {
		case t == nil:
			t = &track{labels: s.Labels}
			c.series[k] = t
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

// key names a series by its labels.
func key(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%q=%q,", name, labels[name])
	}
	return b.String()
}
