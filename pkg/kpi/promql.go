package kpi

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// parse reads a query as Prometheus does. Sources that only speak its API may know more than its language has: a query
// that can't be read here is left as it is, for the source to answer or refuse.
func parse(query string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{EnableExperimentalFunctions: true, EnableBinopFillModifiers: true}).ParseExpr(query)
}

// plain says whether an expression is a metric name, label matchers, or both, and nothing else. Its series are counters
// themselves then; of any other expression's, a drop says nothing.
func plain(e parser.Expr) bool {
	s, is := e.(*parser.VectorSelector)
	return is && now(s) && !s.Anchored && !s.Smoothed
}

// now says whether a selector is about the present.
func now(s *parser.VectorSelector) bool {
	return s.OriginalOffset == 0 && s.OriginalOffsetExpr == nil && s.Timestamp == nil && s.StartOrEnd == 0
}

// selector says whether a query is a plain selector.
func selector(query string) bool {
	e, err := parse(query)
	return err == nil && plain(e)
}

// selectors are the selectors in a query that are about now, each once: whatever it works out is of their scrapes.
func selectors(query string) []string {
	e, err := parse(query)
	if err != nil {
		return nil
	}
	var out []string
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		if s, is := node.(*parser.VectorSelector); is && now(s) && !slices.Contains(out, text(query, s)) {
			out = append(out, text(query, s))
		}
		return nil
	})
	return out
}

// rated says whether a query works out how fast something grows.
func rated(query string) bool {
	e, err := parse(query)
	if err != nil {
		return false
	}
	found := false
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		call, is := node.(*parser.Call)
		found = found || is && slices.Contains([]string{"rate", "irate", "increase", "delta", "idelta", "deriv"}, call.Func.Name)
		return nil
	})
	return found
}

// text is what an expression is written as in its query.
func text(query string, e parser.Expr) string {
	at := e.PositionRange()
	return query[at.Start:at.End]
}

// tracked is the expression to sample for a counter. A sum around a plain selector is left out: added up here, series
// by series, a pod that goes away or starts anew is seen as that; in a sum it looks like a counter that runs backwards.
func tracked(query string) string {
	e, err := parse(query)
	if err != nil {
		return query
	}
	if a, is := e.(*parser.AggregateExpr); is && a.Op == parser.SUM && !a.Without && plain(a.Expr) {
		e = a.Expr
	}
	return text(query, e)
}

// folding takes a query apart that is a plain selector, perhaps with sum, max, min, avg or count of all its series around
// it: what that means is found out here as well, without a PromQL engine.
func folding(query string) (function parser.ItemType, matchers []*labels.Matcher, err error) {
	e, err := parse(query)
	if err != nil {
		return 0, nil, fmt.Errorf("read query %s: %w", query, err)
	}
	if a, is := e.(*parser.AggregateExpr); is && len(a.Grouping) == 0 && !a.Without {
		switch a.Op {
		case parser.SUM, parser.MAX, parser.MIN, parser.AVG, parser.COUNT:
			function, e = a.Op, a.Expr
		}
	}
	if !plain(e) {
		return 0, nil, fmt.Errorf("%s is neither a plain selector, such as http_requests_total{code=\"500\"}, nor sum, max, min, avg or count of one", query)
	}
	return function, e.(*parser.VectorSelector).LabelMatchers, nil
}

// matches says whether a series is one of a selector's. A label that is absent is empty.
func matches(matchers []*labels.Matcher, series map[string]string) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(series[m.Name]) })
}

// fold applies an aggregation to series: a single one without labels, or none of none.
func fold(function parser.ItemType, series []Series) []Series {
	if function == 0 || len(series) == 0 {
		return series
	}
	out, sum := series[0].Value, 0.0
	for _, s := range series {
		sum += s.Value
		switch function {
		case parser.MAX:
			out = max(out, s.Value)
		case parser.MIN:
			out = min(out, s.Value)
		}
	}
	switch function {
	case parser.SUM:
		out = sum
	case parser.AVG:
		out = sum / float64(len(series))
	case parser.COUNT:
		out = float64(len(series))
	}
	return []Series{{Value: out}}
}
