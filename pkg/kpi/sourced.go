package kpi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// sourced is the source that a query is for, with what that source has to know. A query for any other than Prometheus is
// written as "SOURCE {what it has to know}: query", so that it is one text wherever queries are told apart by it.
type sourced struct {
	source blueprint.Source
	place  blueprint.Place
}

// write puts the source before a query.
func (o sourced) write(query string) string {
	if query == "" || o.source == "" || o.source == blueprint.FromPrometheus {
		return query
	}
	if o.place == (blueprint.Place{}) {
		return string(o.source) + ": " + query
	}
	var place bytes.Buffer
	e := json.NewEncoder(&place)
	e.SetEscapeHTML(false)
	_ = e.Encode(o.place) // a struct of strings can be encoded
	text := strings.TrimSpace(place.String())
	if o.source == blueprint.FromJob {
		text = strings.ReplaceAll(text, "$", `\u0024`) // what the shell is to fill in
	}
	return fmt.Sprintf("%s %s: %s", o.source, text, query)
}

// tag writes the source before all of a KPI's queries.
func (o sourced) tag(q Queries) Queries {
	for _, text := range []*string{&q.Good, &q.Bad, &q.Total, &q.Buckets, &q.Query} {
		*text = o.write(*text)
	}
	if q.Blue != nil {
		blue := o.tag(*q.Blue)
		q.Blue = &blue
	}
	return q
}

var named = regexp.MustCompile(`^(pods|web|job)(?:: | \{)`)

// parted takes a query apart again.
func parted(query string) (sourced, string, error) {
	m := named.FindStringSubmatch(query)
	if m == nil {
		return sourced{source: blueprint.FromPrometheus}, query, nil
	}
	o := sourced{source: blueprint.Source(m[1])}
	rest := strings.TrimPrefix(query, m[1])
	if text, bare := strings.CutPrefix(rest, ": "); bare {
		return o, text, nil
	}
	d := json.NewDecoder(strings.NewReader(rest))
	if err := d.Decode(&o.place); err != nil {
		return sourced{}, "", fmt.Errorf("query %s: %w", query, err)
	}
	return o, strings.TrimPrefix(rest[d.InputOffset():], ": "), nil
}

// unsourced is a query without its source.
func unsourced(query string) string {
	if _, text, err := parted(query); err == nil {
		return text
	}
	return query
}
