package kpi

import "testing"

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
		`sum(a) + sum(b)`:                {`sum(a) + sum(b)`, false},
		`sum(a{b="c"}) / sum(d{e="f"})`:  {`sum(a{b="c"}) / sum(d{e="f"})`, false},
		`sum(max by (pod) (a))`:          {`sum(max by (pod) (a))`, false},
		`a{b="c"} offset 1m`:             {`a{b="c"} offset 1m`, false},
		`a{b="c"} or d{e="f"}`:           {`a{b="c"} or d{e="f"}`, false},
		`requests_total + 1`:             {`requests_total + 1`, false},
		``:                               {``, false},
	} {
		if got := tracked(query); got != want.expr || selector(got) != want.plain {
			t.Errorf("%s: %s, plain %v; want %s, %v", query, got, selector(got), want.expr, want.plain)
		}
	}
}
