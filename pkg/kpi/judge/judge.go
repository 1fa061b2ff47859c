package judge

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Verdict is what the judge thinks of a KPI.
type Verdict string

// The verdicts. Absence of data is Inconclusive, never Steady.
const (
	Steady       Verdict = "steady"
	Breached     Verdict = "breached"
	Inconclusive Verdict = "inconclusive"
)

// doubt is the evidence from which on a phase should not go on yet. A release just at its threshold gets there in one
// of five cases at most; then it recovers.
const doubt = 5

// alike is how many times green's share blue's may be for what both have to be an outage.
const alike = 2

// Rule is what is asked of a KPI.
type Rule struct {
	Kind      blueprint.KPIKind
	Threshold blueprint.Threshold
	Quantile  float64 // of a quantile: 0.99
	For       int     // of a value: consecutive rounds over the threshold that make a breach

	// Alpha is the chance of a false alarm that this KPI may take in this phase. 0 means all of Alpha.
	Alpha float64
}

// Counts is what one slot has counted since the baseline. Which fields matter is the rule's kind.
type Counts struct {
	Hits    float64  `json:"hits,omitempty"`    // ratio: requests of the kind the KPI names
	Total   float64  `json:"total,omitempty"`   // ratio: all requests
	Buckets []Bucket `json:"buckets,omitempty"` // quantile: cumulative, by rising bound, the last one +Inf
	Value   float64  `json:"value,omitempty"`   // value: the number itself, which is not cumulative
	Missing string   `json:"missing,omitempty"` // why there is no number; empty when there is one
}

// Bucket counts the requests that took at most Bound seconds.
type Bucket struct{ Bound, Count float64 }

// MarshalJSON writes the bound as text: the last one is +Inf, which JSON has no number for.
func (b Bucket) MarshalJSON() ([]byte, error) {
	return json.Marshal([]string{strconv.FormatFloat(b.Bound, 'g', -1, 64), strconv.FormatFloat(b.Count, 'g', -1, 64)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Bucket) UnmarshalJSON(data []byte) error {
	var texts [2]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	var err error
	if b.Bound, err = strconv.ParseFloat(texts[0], 64); err == nil {
		b.Count, err = strconv.ParseFloat(texts[1], 64)
	}
	return err
}

// Round is one sampling of both slots.
type Round struct{ Blue, Green Counts }

// Tally is how many of all requests were bad: failed, or slower than they should be.
type Tally struct {
	Bad   float64 `json:"bad,omitempty"`
	Total float64 `json:"total,omitempty"`
}

func (t *Tally) add(more Tally) {
	t.Bad += more.Bad
	t.Total += more.Total
}

// rate is the share of bad requests, 0 without any.
func (t Tally) rate() float64 {
	if t.Total <= 0 {
		return 0
	}
	return t.Bad / t.Total
}

// State is all that is remembered of a KPI's rounds. Its zero value is a baseline; it can be stored and taken up again.
type State struct {
	Blue, Green Tally // since the baseline
	Last        Round // cumulative, as taken in last
	Taken       bool  // Last is set

	Breach Evidence // that blue is over the threshold, or worse than green
	Health Evidence // that blue keeps to it
	Outage Evidence // that green is over the same threshold

	// Clump is how many of blue's failures come together, GreenClump of green's, as was known before the last interval:
	// the first failures of a real breach look like a clump too, so an interval does not temper itself.
	Clump, GreenClump float64

	// Recent is what was counted since blue last looked healthy, Fall how far it has moved away from that.
	Recent, GreenRecent Tally
	Fall                float64
	Alarm               bool // a breach stays one until the next baseline

	Run, GreenRun int // of a value: consecutive rounds over the threshold

	// What follows outlives the baseline.
	BlueSpread, GreenSpread Spread
	Known                   Tally    // green's counts of all phases: what a relative threshold is measured with once green is idle
	KnownNumber             *float64 // green's last number
}

// Finding is a verdict with what led to it.
type Finding struct {
	Verdict     Verdict
	Blue, Green *float64 // shares, seconds or plain numbers; nil when not known
	Limit       *float64 // the threshold in force; nil when it depends on green and green has no data
	Bad, Total  float64  // blue's requests that Reason speaks of
	Evidence    float64  // for a breach; a healthy release reaches x with a chance of at most 1/x
	Health      float64  // the same for "keeps to the threshold", of a release that does not
	Needed      float64  // the evidence that makes a breach
	Proven      bool     // it keeps to the threshold, as sure as that
	Enough      bool     // of a share: requests to see a release that fails all of them; without, no verdict means anything
	Outage      bool     // green is over the threshold as well, in the same way
	GreenWell   bool     // green has requests, and nothing says that it misses the threshold
	Breaches    int      // of a value: consecutive rounds over the threshold, at most the rule's For
	Reason      string   // the verdict in a sentence
}

// Doubtful says that blue looks as if it missed the threshold, and that the next few requests will tell.
func (f Finding) Doubtful() bool { return f.Verdict == Inconclusive && f.Enough && f.Evidence >= doubt }

// Begin is a new baseline: the next round counts from 0. What is known of green and of how failures come stays.
func (s *State) Begin() {
	*s = State{BlueSpread: s.BlueSpread, GreenSpread: s.GreenSpread, Known: s.Known, KnownNumber: s.KnownNumber,
		Last: Round{Blue: Counts{Buckets: s.Last.Blue.Buckets[:0]}, Green: Counts{Buckets: s.Last.Green.Buckets[:0]}}}
	s.BlueSpread.Last, s.GreenSpread.Last = Tally{}, Tally{}
}

// Add takes in a round and says how the KPI stands after it. Counts that can't be used are left for a later round, which
// covers the time of both.
func (s *State) Add(rule Rule, r Round) Finding {
	if rule.Alpha <= 0 {
		rule.Alpha = Alpha
	}
	if r.Blue.Missing != "" {
		return Finding{Verdict: Inconclusive, Needed: 1 / rule.Alpha, Reason: r.Blue.Missing}
	}
	switch rule.Kind {
	case blueprint.Ratio, blueprint.Quantile:
		return s.share(rule, r)
	case blueprint.Value:
		return s.value(rule, r)
	}
	return Finding{Verdict: Inconclusive, Reason: fmt.Sprintf("%q is not a kind of KPI", rule.Kind)}
}

// share judges the share of bad requests.
func (s *State) share(rule Rule, r Round) Finding {
	v := view{rule: rule, state: s, round: r}
	v.measure()
	if v.problem = v.unusable(); v.problem == "" {
		if blue := v.count(r.Blue, s.Last.Blue); blue.Total > 0 && blue.sound() {
			s.take(rule, blue, v)
		}
	}
	v.weigh()
	return v.finding()
}

// sound says whether an interval's counts belong together. Those of two targets that were scraped at different moments
// may not yet; over a longer interval they do.
func (t Tally) sound() bool { return t.Bad >= 0 && t.Bad <= t.Total*(1+1e-9) }

// take adds an interval to the evidence.
func (s *State) take(rule Rule, blue Tally, v view) {
	green := v.greens()
	blue.Bad = min(blue.Bad, blue.Total)
	bad, good := v.steps(blue, green)
	s.GreenClump = s.GreenSpread.factor()
	if s.Clump = s.spread(blue, green); v.beside(green) {
		s.Clump = max(s.Clump, s.GreenClump)
	}
	s.Breach.add(bad, s.Clump)
	s.Health.add(good, s.Clump)
	if !rule.Threshold.Relative {
		s.Outage.add(over(green, v.allowed), s.GreenClump)
	}
	s.recall(blue, green, bad)
	s.Blue.add(blue)
	s.Green.add(green)
	s.Known.add(green)
	s.BlueSpread.add(blue)
	s.GreenSpread.add(green)
	keep(&s.Last.Blue, v.round.Blue)
	if v.round.Green.Missing == "" {
		keep(&s.Last.Green, v.round.Green)
	}
}

// recall notes since when blue has looked worse than it should: as the alternative in the middle sees it.
func (s *State) recall(blue, green Tally, bad steps) {
	if bad.n == 0 {
		return
	}
	if s.Fall += bad.by[min(3, bad.n-1)]; s.Fall <= 0 {
		s.Fall, s.Recent, s.GreenRecent = 0, Tally{}, Tally{}
		return
	}
	s.Recent.add(blue)
	s.GreenRecent.add(green)
}

// keep copies counts without making a new slice each time.
func keep(into *Counts, c Counts) {
	buckets := append(into.Buckets[:0], c.Buckets...)
	*into = c
	into.Buckets = buckets
}

// spread is how many of blue's failures come together. What green shows of it holds for blue as far as blue gets the
// same clients' requests.
func (s *State) spread(blue, green Tally) float64 {
	seen := s.BlueSpread.factor()
	if green.Total > 0 {
		seen = max(seen, 1+(s.GreenSpread.factor()-1)*min(1, blue.Total/green.Total))
	}
	return seen
}

// number is the evidence as people write it.
func number(log float64) float64 { return math.Exp(min(log, certain)) }
