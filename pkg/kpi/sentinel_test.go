package kpi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// shelf is a source whose answers are laid out by query. What is not there has no series.
type shelf struct {
	answers map[string]Answer
	down    error
	asked   [][]string
}

func (s *shelf) Sample(_ context.Context, queries []string) ([]Answer, error) {
	s.asked = append(s.asked, queries)
	if s.down != nil {
		return nil, s.down
	}
	out := make([]Answer, len(queries))
	for i, q := range queries {
		out[i] = s.answers[q]
	}
	return out, nil
}

// put lays out series as pod=value.
func (s *shelf) put(query string, pods map[string]float64) {
	var a Answer
	for _, pod := range slices.Sorted(maps.Keys(pods)) {
		a.Series = append(a.Series, Series{Labels: map[string]string{"pod": pod}, Value: pods[pod]})
	}
	s.answers[query] = a
}

// stage is a sentinel over a shelf, with a clock that is set by hand.
type stage struct {
	*shelf
	*Sentinel
	t   *testing.T
	now time.Time
}

func newStage(t *testing.T, defs ...Definition) *stage {
	t.Helper()
	s := &stage{shelf: &shelf{answers: map[string]Answer{}}, t: t, now: time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)}
	sentinel, err := NewSentinel(s.shelf, Checks(defs, []Pair{{Green: green, Blue: blue}}), func() time.Time { return s.now })
	if err != nil {
		t.Fatal(err)
	}
	s.Sentinel = sentinel
	return s
}

func (s *stage) begin() {
	s.t.Helper()
	if err := s.Begin(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) round() Reading {
	s.t.Helper()
	s.now = s.now.Add(2 * time.Second)
	readings, err := s.Round(s.t.Context())
	if err != nil || len(readings) == 0 {
		s.t.Fatal(readings, err)
	}
	return readings[0]
}

func expect(t *testing.T, r Reading, verdict judge.Verdict, reason string) {
	t.Helper()
	if r.Verdict != verdict || !strings.Contains(r.Reason, reason) {
		t.Errorf("%s: %s\nwant %s: …%s…", r.Verdict, r.Reason, verdict, reason)
	}
}

const (
	badOf   = `bad{s="%s"}`
	totalOf = `total{s="%s"}`
)

// errorsOf is a ratio over plain selectors.
func errorsOf(t *testing.T) Definition {
	return one(t, "errors", "< 1%", blueprint.KPI{For: 1, Bad: fmt.Sprintf(badOf, "$service"), Total: fmt.Sprintf(totalOf, "$service")}, nil)
}

var (
	blueBad, blueTotal   = fmt.Sprintf(badOf, blue.Service), fmt.Sprintf(totalOf, blue.Service)
	greenBad, greenTotal = fmt.Sprintf(badOf, green.Service), fmt.Sprintf(totalOf, green.Service)
)

func TestOnlyWhatFollowsTheBaselineCounts(t *testing.T) {
	s := newStage(t, errorsOf(t))
	s.put(blueBad, map[string]float64{"a": 50})
	s.put(blueTotal, map[string]float64{"a": 100})
	s.put(greenTotal, map[string]float64{"g": 1000})
	s.begin()
	expect(t, s.round(), judge.Inconclusive, "no blue requests yet")
	s.put(blueTotal, map[string]float64{"a": 300})
	s.put(greenBad, map[string]float64{"g": 5})
	s.put(greenTotal, map[string]float64{"g": 2000})
	got := s.round()
	want := Reading{Name: "errors", Component: "hms-svc-food", Verdict: judge.Steady, Blue: "0%", Green: "0.5%", Threshold: "< 1%",
		Reason: "0% < 1%: 0 of 200 blue requests", NoData: blueprint.NoDataRollback}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	s.begin()
	expect(t, s.round(), judge.Inconclusive, "no blue requests yet")
}

func TestSeriesComeAndGo(t *testing.T) {
	for name, tc := range map[string]struct {
		before, then, last map[string]float64
		want               string
	}{
		"appears":                {map[string]float64{}, map[string]float64{"a": 40}, map[string]float64{"a": 60}, "0 of 60"},
		"one more appears":       {map[string]float64{"a": 10}, map[string]float64{"a": 10, "b": 7}, map[string]float64{"a": 11, "b": 8}, "0 of 9"},
		"restarts":               {map[string]float64{"a": 1000}, map[string]float64{"a": 30}, map[string]float64{"a": 35}, "0 of 35"},
		"vanishes":               {map[string]float64{"a": 1000, "b": 500}, map[string]float64{"a": 1010, "b": 505}, map[string]float64{"a": 1020}, "0 of 25"},
		"vanishes and is back":   {map[string]float64{"a": 1000}, map[string]float64{}, map[string]float64{"a": 1012}, "0 of 12"},
		"restarts after a pause": {map[string]float64{"a": 1000}, map[string]float64{}, map[string]float64{"a": 12}, "0 of 12"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, errorsOf(t))
			s.put(blueTotal, tc.before)
			s.begin()
			s.put(blueTotal, tc.then)
			s.round()
			s.put(blueTotal, tc.last)
			expect(t, s.round(), judge.Steady, tc.want+" blue requests")
		})
	}
}

// In an expression a drop can be a pod that went away: nobody failed then.
func TestAnExpressionsDropIsNoRequests(t *testing.T) {
	s := newStage(t, one(t, "errors", "< 1%", blueprint.KPI{For: 1,
		Bad: `sum(b{s="$service"}) + 0`, Total: `sum(t{s="$service"}) + 0`}, nil))
	bad, total := `sum(b{s="hms-svc-food-blue"}) + 0`, `sum(t{s="hms-svc-food-blue"}) + 0`
	s.put(bad, map[string]float64{"": 90})
	s.put(total, map[string]float64{"": 9000})
	s.begin()
	s.put(bad, map[string]float64{"": 60})
	s.put(total, map[string]float64{"": 6000})
	s.round()
	s.put(total, map[string]float64{"": 6100})
	expect(t, s.round(), judge.Steady, "0 of 100 blue requests")
}

func TestWhatIsNoCountIsInconclusive(t *testing.T) {
	for name, tc := range map[string]struct {
		answer Answer
		want   string
	}{
		"NaN":      {Answer{Series: []Series{{Value: math.NaN()}}}, "is NaN, which is not a count"},
		"infinite": {Answer{Series: []Series{{Value: math.Inf(1)}}}, "is +Inf"},
		"negative": {Answer{Series: []Series{{Value: -1}}}, "is -1"},
		"refused":  {Answer{Err: errors.New("query x: many-to-many matching")}, "many-to-many"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, errorsOf(t))
			s.begin()
			s.put(blueTotal, map[string]float64{"a": 100})
			expect(t, s.round(), judge.Steady, "0 of 100")
			s.answers[blueBad] = tc.answer
			expect(t, s.round(), judge.Inconclusive, tc.want)
			s.put(blueBad, map[string]float64{"a": 50})
			s.put(blueTotal, map[string]float64{"a": 200})
			expect(t, s.round(), judge.Breached, "50 of 200")
		})
	}
}

func TestNoSeriesIsNoPass(t *testing.T) {
	s := newStage(t, errorsOf(t))
	s.begin()
	expect(t, s.round(), judge.Inconclusive, "no blue requests counted: no series for "+blueTotal)
}

func TestASilentSourceIsInconclusiveAndForgotten(t *testing.T) {
	s := newStage(t, errorsOf(t))
	s.down = errors.New("ask prometheus: connection refused")
	if err := s.Begin(t.Context()); err == nil || !strings.Contains(err.Error(), "baseline: ask prometheus") {
		t.Errorf("%v", err)
	}
	expect(t, s.round(), judge.Inconclusive, "connection refused")
	s.down = nil
	s.put(blueTotal, map[string]float64{"a": 100})
	expect(t, s.round(), judge.Inconclusive, "no blue requests yet") // this is the baseline now
	s.put(blueTotal, map[string]float64{"a": 130})
	s.put(blueBad, map[string]float64{"a": 30})
	expect(t, s.round(), judge.Breached, "30 of 30")
}

func TestAnEndedContextIsAnError(t *testing.T) {
	s := newStage(t, errorsOf(t))
	s.begin()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.down = ctx.Err()
	if _, err := s.Round(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestOneRequestForEverything(t *testing.T) {
	s := newStage(t, one(t, "error_rate", "< 1%", blueprint.KPI{}, nil), one(t, "success_rate", "> 99%", blueprint.KPI{}, nil),
		one(t, "p99", "< 1s", blueprint.KPI{}, nil), one(t, "latency_p50", "< 1s", blueprint.KPI{}, nil))
	s.begin()
	s.round()
	if len(s.asked) != 2 {
		t.Fatalf("%d requests for a baseline and a round", len(s.asked))
	}
	seen := slices.Sorted(slices.Values(s.asked[0]))
	if len(slices.Compact(seen)) != len(s.asked[0]) {
		t.Errorf("something is asked for twice: %q", s.asked[0])
	}
}

func TestTheDataPlaneIsTheOneWithRequests(t *testing.T) {
	s := newStage(t, one(t, "error_rate", "< 1%", blueprint.KPI{For: 1}, nil))
	s.begin()
	expect(t, s.round(), judge.Inconclusive, "no data for green: no series for gateway_requests_total{")
	expect(t, s.round(), judge.Inconclusive, "traefik_service_requests_total{")
	traefik, err := green.aim("traefik_service_requests_total{" + planes()[1].slot + "}")
	if err != nil {
		t.Fatal(err)
	}
	s.put(traefik, map[string]float64{"": 5})
	before := len(s.queries())
	expect(t, s.round(), judge.Inconclusive, "no blue requests counted: no series for traefik_service")
	if after := len(s.queries()); after != before/2 {
		t.Errorf("%d queries with the data plane known, %d before", after, before)
	}
}

func TestQuantileOverPodsAndRestarts(t *testing.T) {
	s := newStage(t, one(t, "slow", "< 250ms", blueprint.KPI{For: 1, Quantile: .9, Buckets: `sum by (le) (d_bucket{s="$service"})`}, nil))
	query := `d_bucket{s="hms-svc-food-blue"}`
	lay := func(pods map[string][]float64) {
		var a Answer
		for pod, counts := range pods {
			for i, le := range []string{"0.1", "0.25", "+Inf"} {
				a.Series = append(a.Series, Series{Labels: map[string]string{"pod": pod, "le": le}, Value: counts[i]})
			}
		}
		s.answers[query] = a
	}
	s.begin()
	expect(t, s.round(), judge.Inconclusive, "no series for "+query)
	lay(map[string][]float64{"a": {10, 20, 20}})
	expect(t, s.round(), judge.Steady, "220ms < 250ms: 0 of 20 blue requests took longer")
	lay(map[string][]float64{"a": {10, 20, 20}, "b": {0, 0, 20}})
	expect(t, s.round(), judge.Breached, "more than 250ms > 250ms: 20 of 40")
	lay(map[string][]float64{"a": {10, 20, 20}, "b": {60, 60, 80}})
	expect(t, s.round(), judge.Breached, "20 of 100")
	s.answers[query] = Answer{Series: []Series{{Labels: map[string]string{"le": "soon"}, Value: 1}}}
	expect(t, s.round(), judge.Inconclusive, `le="soon"`)
}

func TestValueWantsOneNumber(t *testing.T) {
	s := newStage(t, one(t, "queue", "< 10", blueprint.KPI{For: 1, Query: `q{s="$service"}`}, nil))
	query := `q{s="hms-svc-food-blue"}`
	s.begin()
	expect(t, s.round(), judge.Inconclusive, "no series for "+query)
	s.put(query, map[string]float64{"a": 4})
	expect(t, s.round(), judge.Steady, "4 < 10")
	s.put(query, map[string]float64{"a": 4, "b": 5})
	expect(t, s.round(), judge.Inconclusive, "2 series for "+query)
	s.put(query, map[string]float64{"a": math.NaN()})
	expect(t, s.round(), judge.Inconclusive, "is NaN")
	s.put(query, map[string]float64{"a": 40})
	expect(t, s.round(), judge.Breached, "40 > 10")
}

func TestGoodAndBadMakeATotal(t *testing.T) {
	s := newStage(t, one(t, "ok", "> 90%", blueprint.KPI{For: 1, Good: `g{s="$service"}`, Bad: `b{s="$service"}`}, nil))
	s.begin()
	s.put(`g{s="hms-svc-food-blue"}`, map[string]float64{"a": 80})
	s.put(`b{s="hms-svc-food-blue"}`, map[string]float64{"a": 20})
	expect(t, s.round(), judge.Breached, "80% < 90%: 80 of 100 blue requests")
}

func TestHistoryDoesNotGrow(t *testing.T) {
	s := newStage(t, errorsOf(t))
	s.begin()
	for i := range 2000 {
		s.put(blueTotal, map[string]float64{"a": float64(i)})
		s.round()
	}
	if n := len(s.watches[0].rounds); n > 40 {
		t.Errorf("%d rounds are kept", n)
	}
}

func TestIntervalIsTheShortest(t *testing.T) {
	every := func(d time.Duration) Definition {
		return one(t, "queue", "< 10", blueprint.KPI{Query: "q", Interval: &blueprint.Duration{Duration: d}}, nil)
	}
	for _, tc := range []struct {
		defs []Definition
		want time.Duration
	}{
		{[]Definition{every(10 * time.Second), every(5 * time.Second)}, 5 * time.Second},
		{[]Definition{every(10 * time.Millisecond)}, time.Second},
		{[]Definition{errorsOf(t), every(time.Minute)}, 2 * time.Second},
	} {
		if got := newStage(t, tc.defs...).Interval(); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

func TestWithoutKPIsNoSourceIsNeeded(t *testing.T) {
	s, err := NewSentinel(nil, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if readings, err := s.Round(t.Context()); err != nil || len(readings) != 0 {
		t.Errorf("%v, %v", readings, err)
	}
}
