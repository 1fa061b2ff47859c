package action

import (
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

func TestSights(t *testing.T) {
	limit, err := blueprint.ParseThreshold("< 0.5%")
	if err != nil {
		t.Fatal(err)
	}
	present := func(name string, kind blueprint.KPIKind, total float64, noData string) kpi.Present {
		return kpi.Present{NoData: noData, Counted: judge.Tally{Bad: 1, Total: total}, Check: kpi.Check{
			Definition: kpi.Definition{Name: name, Rule: judge.Rule{Kind: kind, Threshold: limit}},
			Green:      kpi.Target{Component: "food"},
		}}
	}
	phase := func(name string, traffic blueprint.Percent) blueprint.Phase {
		return blueprint.Phase{Name: name, Traffic: traffic, Hold: &blueprint.Duration{Duration: 30 * time.Second}}
	}
	all, warnings := sights(
		[]blueprint.Phase{phase("canary", 1), phase("half", 50)},
		[]kpi.Present{present("error_rate", blueprint.Ratio, 6000, ""), present("queue", blueprint.Value, 0, ""), present("other", blueprint.Ratio, 0, "no series")},
	)
	if len(all) != 2 || len(warnings) != 1 {
		t.Fatalf("%+v\n%q", all, warnings)
	}
	if c := all[0]; c.Requests != 15 || len(c.Needs) != 3 || c.Needs[0].Requests < c.Needs[2].Requests || c.Needs[2].Seconds != c.Needs[2].Requests*2 {
		t.Errorf("%+v", c)
	}
	if h := all[1]; h.Requests != 750 || h.Needs[2].Requests > 200 {
		t.Errorf("%+v", h)
	}
	for _, want := range []string{"phase canary is too short", "blue of food gets 15 requests in 30s", "error_rate at 10 times", "(hold: "} {
		if !strings.Contains(warnings[0], want) {
			t.Errorf("%q lacks %q", warnings[0], want)
		}
	}
}
