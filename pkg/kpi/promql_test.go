package kpi

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

func TestTracked(t *testing.T) {
	for query, want := range map[string]struct {
		expr  string
		plain bool
	}{
		`requests_total`:                 {`requests_total`, true},
		` requests_total{a="b"} `:        {`requests_total{a="b"}`, true},
		`{__name__="a",b="}"}`:           {`{__name__="a",b="}"}`, true},
		`sum(requests_total{a="b"})`:     {`requests_total{a="b"}`, true},
		`sum by (le) (x_bucket{a="b)"})`: {`x_bucket{a="b)"}`, true},
		`sum(x_bucket{a="b"}) by (le)`:   {`x_bucket{a="b"}`, true},
		`max(a)`:                         {`max(a)`, false},
		`sum(a) + sum(b)`:                {`sum(a) + sum(b)`, false},
		`sum(a{b="c"}) / sum(d{e="f"})`:  {`sum(a{b="c"}) / sum(d{e="f"})`, false},
		`sum(max by (pod) (a))`:          {`sum(max by (pod) (a))`, false},
		`a{b="c"} offset 1m`:             {`a{b="c"} offset 1m`, false},
		`sum(a{b="c"} offset 1m)`:        {`sum(a{b="c"} offset 1m)`, false},
		`a{b="c"} @ 1`:                   {`a{b="c"} @ 1`, false},
		`a{b="c"} or d{e="f"}`:           {`a{b="c"} or d{e="f"}`, false},
		`requests_total + 1`:             {`requests_total + 1`, false},
		`sum(a{service="$service"})`:     {`a{service="$service"}`, true},
		`web: $.requests`:                {`web: $.requests`, false},
		`a[5m] default 0`:                {`a[5m] default 0`, false}, // not Prometheus's language
		``:                               {``, false},
	} {
		if got := tracked(query); got != want.expr || selector(got) != want.plain {
			t.Errorf("%s: %s, plain %v; want %s, %v", query, got, selector(got), want.expr, want.plain)
		}
	}
}

func TestSelectors(t *testing.T) {
	for query, want := range map[string][]string{
		`a{b="c"}`:                   {`a{b="c"}`},
		`sum(a{b="c"}) or vector(0)`: {`a{b="c"}`},
		`histogram_quantile(0.99, sum by (le) (rate(x_bucket{a="b"}[1m])))`: {`x_bucket{a="b"}`},
		`sum(a{x="1"}) / (sum(a{x="1"}) + sum(b))`:                          {`a{x="1"}`, `b`},
		`a - a offset 1h`: {`a`},
		`vector(1)`:       nil,
		`job: exit 1`:     nil,
	} {
		if got := selectors(query); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestRated(t *testing.T) {
	for query, want := range map[string]bool{
		`a`: false, `sum(rate(a[1m]))`: true, `irate(a[1m]) > 0`: true, `increase(a[1m])`: true, `deriv(a[1m])`: true,
		`rate`: false, `a{b="rate(x)"}`: false, `sum(a) # rate(a[1m])`: false, `rate(`: false,
	} {
		if got := rated(query); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestFolding(t *testing.T) {
	series := map[string]string{"__name__": "a_total", "code": "500", "pod": "food-1", "quoted": `x"y`}
	for query, want := range map[string]bool{
		`a_total`: true, `b_total`: false, `a_total{}`: true, `a_total {code="500"}`: true, `a_total{code="500",}`: true,
		`a_total{code=~"5.."}`: true, `a_total{code=~"5"}`: false, `a_total{code!="500"}`: false, `a_total{code!~"4.."}`: true,
		`{__name__="a_total"}`: true, `{__name__=~"b.*"}`: false, `a_total{absent=""}`: true, `a_total{absent!=""}`: false,
		`a_total{code='500', pod="food-1"}`: true, "a_total{code=`500`}": true, `a_total{quoted="x\"y"}`: true,
		`a_total{pod=~"food-(?:[a-z0-9]{1,10}-[a-z0-9]{5}|[0-9]+)"}`: true, ` a_total{ code = "500" , pod =~ "f.+" } `: true,
		"a_total{pod=~\"food\\\\-1\"}": true, `sum(a_total)`: true, `max (b_total)`: false,
	} {
		_, matchers, err := folding(query)
		if err != nil || matches(matchers, series) != want {
			t.Errorf("%s: %v, %v", query, !want, err)
		}
	}
	for query, want := range map[string]string{
		`sum(sum(a))`: "neither a plain selector", `sum by (code) (a)`: "neither a plain selector", `stddev(a)`: "neither a plain selector",
		`sum without (code) (a)`: "neither a plain selector", `a{code="5"} > 1`: "neither a plain selector", `a offset 1m`: "neither a plain selector",
		`a{code}`: "parse error", `a{code="5`: "unterminated", `a{code=~"("}`: "error parsing regexp", ``: "no expression",
	} {
		if _, _, err := folding(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

// A value that is escaped means itself: the value written is the value matched.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"value", `"`, `\`, "\n", "é", "`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		quoted, err := escape(value, '"')
		if err != nil {
			return
		}
		_, matchers, err := folding(`a{b="` + quoted + `"}`)
		if err != nil || !matches(matchers, map[string]string{"__name__": "a", "b": value}) || matches(matchers, map[string]string{"__name__": "a", "b": value + "x"}) {
			t.Fatalf("%q as %q: %v", value, quoted, err)
		}
	})
}

func TestFold(t *testing.T) {
	series := []Series{{Value: 3}, {Value: 5}, {Value: 1}}
	for function, want := range map[parser.ItemType]float64{parser.SUM: 9, parser.MAX: 5, parser.MIN: 1, parser.AVG: 3, parser.COUNT: 3} {
		if got := fold(function, series); len(got) != 1 || got[0].Value != want {
			t.Errorf("%s is %+v, want %v", function, got, want)
		}
	}
	if len(fold(0, series)) != 3 || len(fold(parser.SUM, nil)) != 0 {
		t.Error("nothing to fold is left as it is")
	}
}
