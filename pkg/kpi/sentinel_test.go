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

// stage is a sentinel over a shelf.
type stage struct {
	*shelf
	*Sentinel
	t *testing.T
}

func newStage(t *testing.T, defs ...Definition) *stage {
	t.Helper()
	s := &stage{shelf: &shelf{answers: map[string]Answer{}}, t: t}
	sentinel, err := NewSentinel(s.shelf, Checks(defs, []Pair{{Green: green, Blue: blue}}))
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
		Reason: "0% < 1%: 0 of 200 blue requests failed", NoData: blueprint.NoDataRollback, Found: got.Found}
	if got != want || got.Found.Total != 200 || *got.Found.Green != .005 {
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
	expect(t, s.round(), judge.Inconclusive, "no data for green: no series for any of the 30 known data planes")
	traefik, err := green.aim("traefik_service_requests_total{" + planes()[1].slot + "}")
	if err != nil {
		t.Fatal(err)
	}
	s.put(traefik, map[string]float64{"": 5})
	before := len(s.queries())
	expect(t, s.round(), judge.Inconclusive, "no blue requests counted: no series for traefik_service")
	if after := len(s.queries()); after != 4 {
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
	s.put(`g{s="hms-svc-food-blue"}`, map[string]float64{"a": 60})
	s.put(`b{s="hms-svc-food-blue"}`, map[string]float64{"a": 40})
	expect(t, s.round(), judge.Breached, "60% < 90%: 40 of 100 blue requests failed")
}

func TestWithoutKPIsNoSourceIsNeeded(t *testing.T) {
	s, err := NewSentinel(nil, nil)
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

// scraped is a shelf that tells when it was filled, as Prometheus does.
type scraped struct{ *shelf }

func (scraped) Clock() string                  { return "now" }
func (scraped) Scrapes(selector string) string { return "scraped " + selector }

// newScraped is a sentinel over a shelf whose blue counters were last scraped at a time that is set by hand.
func newScraped(t *testing.T, defs ...Definition) (s *stage, at func(now, blue float64)) {
	s = newStage(t, defs...)
	s.source = scraped{s.shelf}
	return s, func(now, blue float64) {
		s.answers["now"] = Answer{Series: []Series{{Value: now}}}
		s.answers["scraped "+blueTotal] = Answer{Series: []Series{{Labels: map[string]string{"instance": "a"}, Value: blue}}}
	}
}

func TestARoundWithoutANewScrapeAddsNothing(t *testing.T) {
	s, at := newScraped(t, errorsOf(t))
	at(100.1, 100)
	s.put(blueTotal, map[string]float64{"a": 0})
	s.begin()
	at(101.1, 101)
	s.put(blueTotal, map[string]float64{"a": 50})
	first := s.round()
	expect(t, first, judge.Steady, "0 of 50")
	at(101.5, 101)
	s.put(blueBad, map[string]float64{"a": 50}) // can't be, without a scrape
	if got := s.round(); got != first {
		t.Errorf("%+v", got)
	}
}

// A breach is in blue's counts: rounds that came with green's scrapes would see it up to a scrape later. An expression's
// are those of what is in it.
func TestRoundsComeWithBluesScrapes(t *testing.T) {
	orNone := func(counter string) string { return fmt.Sprintf("sum("+counter+") or vector(0)", "$service") }
	for name, def := range map[string]Definition{
		"counters":    errorsOf(t),
		"expressions": one(t, "errors", "< 1%", blueprint.KPI{For: 1, Bad: orNone(badOf), Total: orNone(totalOf)}, nil),
		"a value":     one(t, "errors", "< 1", blueprint.KPI{For: 1, Query: "sum(rate(" + fmt.Sprintf(totalOf, "$service") + "[1m]))"}, nil),
	} {
		for _, later := range []float64{.2, .4, .6, .8} { // green's scrapes, than blue's
			s, at := newScraped(t, def)
			greens := func(last float64) {
				s.answers["scraped "+greenTotal] = Answer{Series: []Series{{Labels: map[string]string{"instance": "b"}, Value: last}}}
			}
			now := 100 + later + .1
			at(now, 100)
			greens(100 + later)
			s.answers["scraped "+blueTotal] = Answer{} // blue has not been scraped yet
			s.begin()
			for range 10 {
				now += s.Wait().Seconds()
				greens(math.Floor(now-later) + later)
				at(now, math.Floor(now))
				s.round()
			}
			if after := now - math.Floor(now); after > .1 {
				t.Errorf("%s: rounds come %.2f s after blue's scrapes, and green's come after %.1f s", name, after, later)
			}
		}
	}
}

// Two replicas behind one address: the one that is behind makes no counter run backwards.
func TestAnOlderReplicaIsNotARestart(t *testing.T) {
	s, at := newScraped(t, errorsOf(t))
	at(100, 99)
	s.put(blueTotal, map[string]float64{"a": 1000})
	s.begin()
	for i, tc := range []struct{ now, stamp, total float64 }{{101, 101, 1100}, {102, 100, 1050}, {103, 103, 1200}} {
		at(tc.now, tc.stamp)
		s.put(blueTotal, map[string]float64{"a": tc.total})
		want := []string{"of 100 ", "of 100 ", "of 200 "}[i]
		expect(t, s.round(), judge.Steady, want)
	}
	for i := range 4 { // the clock was set back: after a while that is believed
		at(50+float64(i), 50+float64(i))
		s.put(blueTotal, map[string]float64{"a": 1300 + float64(i)})
		s.round()
	}
	expect(t, s.round(), judge.Steady, "of 303 ")
}

// Counters that nobody scrapes any more are no data, and so no pass.
func TestOldSamplesAreInconclusive(t *testing.T) {
	s, at := newScraped(t, errorsOf(t))
	s.put(blueTotal, map[string]float64{"a": 0})
	for now := range 5 {
		if at(float64(now), float64(now)); now == 0 {
			s.begin()
			continue
		}
		s.put(blueTotal, map[string]float64{"a": 100 * float64(now)})
		expect(t, s.round(), judge.Steady, "0 of ")
	}
	at(13, 4)
	expect(t, s.round(), judge.Steady, "0 of 400")
	at(16, 4)
	expect(t, s.round(), judge.Inconclusive, "no new sample of "+blueTotal+" for 12s")
	s.answers["scraped "+blueTotal] = Answer{} // gone, as Prometheus marks a target that doesn't answer
	expect(t, s.round(), judge.Inconclusive, "no new sample of")
	at(30, 30)
	s.put(blueTotal, map[string]float64{"a": 500})
	expect(t, s.round(), judge.Steady, "0 of 500")
}

func TestABrokenClockIsNoHindrance(t *testing.T) {
	s, at := newScraped(t, errorsOf(t))
	at(100, 99)
	s.answers["now"] = Answer{Err: errors.New("unknown function time()")}
	s.put(blueTotal, map[string]float64{"a": 0})
	s.begin()
	s.put(blueTotal, map[string]float64{"a": 50})
	expect(t, s.round(), judge.Steady, "0 of 50")
	if s.Wait() != usualInterval {
		t.Error(s.Wait())
	}
}

// What isn't scraped is asked as often as it wants, beside what is.
func TestOtherSourcesAreAskedAtTheirPace(t *testing.T) {
	pods := errorsOf(t)
	pods.Source, pods.Interval = blueprint.FromPods, 250*time.Millisecond
	for want, defs := range map[time.Duration][]Definition{
		250 * time.Millisecond: {errorsOf(t), pods},
		usualInterval:          {errorsOf(t)},
	} {
		if got := newStage(t, defs...).Wait(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestInDoubtPodsAreAskedSooner(t *testing.T) {
	pods := errorsOf(t)
	pods.Source, pods.Interval = blueprint.FromPods, time.Second
	s := newStage(t, pods)
	s.put(blueTotal, map[string]float64{"a": 0})
	s.begin()
	s.put(blueTotal, map[string]float64{"a": 100})
	s.put(blueBad, map[string]float64{"a": 0})
	s.round()
	calm := s.Wait()
	s.put(blueTotal, map[string]float64{"a": 105})
	s.put(blueBad, map[string]float64{"a": 3})
	expect(t, s.round(), judge.Inconclusive, "it may be chance")
	if doubt := s.Wait(); calm != time.Second || doubt != 100*time.Millisecond {
		t.Errorf("the next round comes after %s, in doubt after %s", calm, doubt)
	}
}

// The false alarms of a rollout add up to no more than 1 %, however many KPIs and phases there are.
func TestAlphaIsForTheWholeRollout(t *testing.T) {
	s := newStage(t, errorsOf(t), one(t, "p99", "< 1s", blueprint.KPI{}, nil))
	sum := 0.0
	for range 15 {
		s.begin()
		for _, w := range s.watches {
			sum += w.Rule.Alpha
		}
	}
	if sum > judge.Alpha || sum < judge.Alpha*.9 {
		t.Error(sum)
	}
}

// A sample of 1,000 series takes less than a millisecond, and a day of them no more memory than a minute.
func BenchmarkRound(b *testing.B) {
	def, err := define("errors", blueprint.KPI{Threshold: blueprint.Threshold{Op: "<", Value: .01, Unit: "%"},
		Bad: fmt.Sprintf(badOf, "$service"), Total: fmt.Sprintf(totalOf, "$service")}, nil)
	if err != nil {
		b.Fatal(err)
	}
	shelf := &shelf{answers: map[string]Answer{}}
	s, err := NewSentinel(shelf, Checks([]Definition{def}, []Pair{{Green: green, Blue: blue}}))
	if err != nil {
		b.Fatal(err)
	}
	labels := make([]map[string]string, 500)
	for i := range labels {
		labels[i] = map[string]string{"pod": fmt.Sprintf("food-blue-%d", i), "code": "200", "namespace": "food-svc", "job": "pods", "instance": "10.0.0.1:80"}
	}
	lay := func(query string, value float64) {
		var a Answer
		for _, l := range labels {
			a.Series = append(a.Series, Series{Labels: l, Value: value})
		}
		shelf.answers[query] = a
	}
	lay(greenTotal, 0)
	lay(blueTotal, 0)
	if err := s.Begin(b.Context()); err != nil {
		b.Fatal(err)
	}
	n := 0.0
	b.ReportAllocs()
	for b.Loop() {
		n++
		for _, q := range []string{greenTotal, blueTotal} {
			for i := range shelf.answers[q].Series {
				shelf.answers[q].Series[i].Value = n
			}
		}
		shelf.asked = shelf.asked[:0]
		if _, err := s.Round(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
