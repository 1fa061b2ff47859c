package kpi

import (
	"errors"
	"math"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// delivery is a second component.
var delivery = Pair{
	Green: Target{Namespace: "food-svc", Component: "food-delivery", Service: "food-delivery", Workload: "food-delivery"},
	Blue:  Target{Namespace: "food-svc", Component: "food-delivery", Service: "food-delivery-blue", Workload: "food-delivery-blue"},
}

// lay puts a counter and what it went up by lately on the shelf.
func (s *shelf) lay(query string, value, lately float64) {
	s.put(query, map[string]float64{"g": value})
	s.put(increase(query), map[string]float64{"g": lately})
}

func first(t *testing.T, s *shelf, defs ...Definition) ([]Present, error) {
	t.Helper()
	return First(t.Context(), s, Checks(defs, []Pair{{Green: green, Blue: blue}, delivery}))
}

func TestFirst(t *testing.T) {
	s := &shelf{answers: map[string]Answer{}}
	s.lay(greenBad, 50, 2)
	s.lay(greenTotal, 90000, 1000)
	got, err := first(t, s, errorsOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if p := got[0]; p.Value != "0.2%" || p.Number != .002 || !p.Within || p.NoData != "" || p.Note != "" {
		t.Errorf("%+v", p)
	}
	if p := got[1]; p.Check.Green.Component != "food-delivery" || p.NoData != `no series for total{s="food-delivery"}` || p.Value != "" {
		t.Errorf("%+v", p)
	}
	if len(s.asked) != 1 {
		t.Errorf("%d requests", len(s.asked))
	}
}

func TestFirstSaysWhatIsOdd(t *testing.T) {
	s := &shelf{answers: map[string]Answer{}}
	s.lay(greenTotal, 90000, 1000)
	s.lay(`bad{s="food-delivery"}`, 90, 20)
	s.lay(`total{s="food-delivery"}`, 900, 200)
	got, err := first(t, s, errorsOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if p := got[0]; p.Value != "0%" || p.Note != `no series yet for bad{s="hms-svc-food"}, which counts as 0` {
		t.Errorf("%+v", p)
	}
	if p := got[1]; p.Value != "10%" || p.Within {
		t.Errorf("%+v", p)
	}
}

func TestFirstWithoutAnyData(t *testing.T) {
	for name, tc := range map[string]struct {
		lay  func(*shelf)
		want string
	}{
		"no series":   {func(*shelf) {}, `hms-svc-food: no series for total{s="hms-svc-food"}`},
		"no requests": {func(s *shelf) { s.lay(greenTotal, 90000, 0) }, "hms-svc-food: green had no requests in the last 2m"},
		"NaN":         {func(s *shelf) { s.lay(greenTotal, math.NaN(), 5) }, "is NaN"},
		"refused": {func(s *shelf) { s.answers[greenTotal] = Answer{Err: errors.New("query total: parse error")} },
			"hms-svc-food: query total: parse error"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{answers: map[string]Answer{}}
			tc.lay(s)
			got, err := first(t, s, errorsOf(t))
			if err == nil || !strings.Contains(err.Error(), "kpi errors has no data for green (defined by: blueprint)") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v\nwant %s", err, tc.want)
			}
			if len(got) != 2 || got[0].NoData == "" || got[0].Value != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestFirstOfEachKind(t *testing.T) {
	s := &shelf{answers: map[string]Answer{}}
	total, err := green.aim("gateway_requests_total{" + planes()[0].slot + "}")
	if err != nil {
		t.Fatal(err)
	}
	s.lay(total, 500, 120)
	buckets := strings.Replace(total, "gateway_requests_total", "gateway_request_duration_seconds_bucket", 1)
	for le, n := range map[string]float64{"0.1": 90, "0.5": 120, "+Inf": 120} {
		series := Series{Labels: map[string]string{"le": le}, Value: n}
		s.answers[buckets] = Answer{Series: append(s.answers[buckets].Series, series)}
		s.answers[increase(buckets)] = s.answers[buckets]
	}
	s.put("sum(rate("+total+"[1m]))", map[string]float64{"": 2})
	got, err := first(t, s, one(t, "p50", "< 1s", blueprint.KPI{}, nil), one(t, "request_rate", "> 0.5x green", blueprint.KPI{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Value != "67ms" || !got[0].Within || got[1].Value != "2" || !got[1].Within {
		t.Errorf("%+v", got[:2])
	}
}

func TestFirstOfASilentSource(t *testing.T) {
	s := &shelf{down: errors.New("ask prometheus: connection refused")}
	if _, err := first(t, s, errorsOf(t)); err == nil || !strings.Contains(err.Error(), "green's present KPIs: ask prometheus") {
		t.Errorf("%v", err)
	}
}

func TestFirstDoesNotDoubtABuiltin(t *testing.T) {
	s := &shelf{answers: map[string]Answer{}}
	total, err := green.aim("gateway_requests_total{" + planes()[0].slot + "}")
	if err != nil {
		t.Fatal(err)
	}
	s.lay(total, 500, 120)
	got, err := first(t, s, one(t, "error_rate", "< 1%", blueprint.KPI{}, nil))
	if err != nil || got[0].Value != "0%" || got[0].Note != "" {
		t.Errorf("%+v, %v", got[0], err)
	}
}
