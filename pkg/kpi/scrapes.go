package kpi

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// PromQL asks Prometheus, and what speaks its language, when it scraped. What answers queries in it embeds this.
type PromQL struct{}

// Clock asks for the present time at the source.
func (PromQL) Clock() string { return "vector(time())" }

// Scrapes asks when each target was scraped last. One series for each target is all it costs: what a target shows is of
// one scrape.
func (PromQL) Scrapes(selector string) string {
	return "max by (job, instance) (timestamp(" + selector + "))"
}

// scraped says whether a check's numbers come from Prometheus, at the times at which it scrapes.
func (c Check) scraped() bool { return c.Source == "" || c.Source == blueprint.FromPrometheus }

// selectors are the selectors whose scrapes tell when to look. As long as it isn't known which data plane is in use,
// there are none.
func (s *Sentinel) selectors() (blue, green []string) {
	for _, w := range s.watches {
		if len(w.candidates) == 1 && w.scraped() {
			blue = append(blue, w.candidates[0].blue.scrapes...)
			green = append(green, w.candidates[0].green.scrapes...)
		}
	}
	return blue, green
}

// observe tells the schedule what the source says of its scrapes: blue's, as it is blue's counts that decide, and rounds
// timed by green's would see them up to a scrape later. Of a source that says nothing every round is fresh.
func (s *Sentinel) observe(answers map[string]Answer) (fresh, older bool) {
	scraped, is := s.source.(Scraped)
	if !is {
		return true, false
	}
	clock := answers[scraped.Clock()]
	if clock.Err != nil || len(clock.Series) != 1 {
		return true, false
	}
	blue, green := s.selectors()
	looks := stamps(scraped, blue, answers)
	if len(looks) == 0 { // until blue is scraped
		looks = stamps(scraped, green, answers)
	}
	fresh, older = s.schedule.observe(instant(clock.Series[0].Value), looks)
	return fresh || len(s.schedule.targets) == 0, older
}

// stamps are when the targets with series of some selectors were scraped last.
func stamps(scraped Scraped, selectors []string, answers map[string]Answer) map[string]time.Time {
	var names namer
	all := map[string]time.Time{}
	for _, selector := range selectors {
		for _, series := range answers[scraped.Scrapes(selector)].Series {
			all[target(selector)+string(names.of(series.Labels))] = instant(series.Value)
		}
	}
	return all
}

// target begins the names of a selector's targets.
func target(selector string) string { return selector + "\x00" }

func instant(seconds float64) time.Time {
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}

// old says that a slot's numbers were sampled too long ago to mean anything, if so.
func (s *Sentinel) old(a aimed) string {
	var names []string
	for name := range s.schedule.targets {
		if slices.ContainsFunc(a.scrapes, func(selector string) bool { return strings.HasPrefix(name, target(selector)) }) {
			names = append(names, name)
		}
	}
	if age, old := s.schedule.old(names); old {
		return fmt.Sprintf("no new sample of %s for %s", strings.Join(a.scrapes, ", "), age.Round(time.Second))
	}
	return ""
}

// overdue says whether some check's counts are too old.
func (s *Sentinel) overdue() bool {
	for _, w := range s.watches {
		if len(w.candidates) == 1 && w.scraped() && s.old(w.candidates[0].blue) != "" {
			return true
		}
	}
	return false
}
