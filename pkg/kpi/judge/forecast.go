package judge

import (
	"math"
	"slices"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Requests is how many of blue's requests it takes on average until this rule sees a share of bad ones that is so many
// times what the threshold allows. Green is what green counts now; share is blue's part of the traffic, from 0 to 1. It
// isn't known for a value, or where nothing is allowed or everything.
func (r Rule) Requests(times float64, green Tally, share float64) (n float64, known bool) {
	if r.Kind == blueprint.Value || r.Kind == "" {
		return 0, false
	}
	if r.Alpha <= 0 {
		r.Alpha = Alpha
	}
	v := view{rule: r, state: &State{Known: green}}
	v.measure()
	var gain steps // what one request adds to the evidence, on average
	if t := r.Threshold; t.Relative && r.Kind == blueprint.Ratio && !r.rising() && share < 1 {
		rate := (green.Bad + 1) / (green.Total + 1)
		each := (1 - share) / share
		gain = beside(Tally{min(times*t.Value*rate, 0.99), 1}, Tally{each * rate, each}, t.Value, greener[:])
	} else {
		gain = over(Tally{min(times*v.allowed, 0.99), 1}, v.allowed)
	}
	if gain.n == 0 {
		return 0, false
	}
	best := slices.Max(gain.by[:gain.n])
	if best <= 0 || best >= certain/2 {
		return 0, false
	}
	// The alternative that fits best has to win for all of them.
	return math.Ceil((math.Log(1/r.Alpha) + math.Log(float64(gain.n))) / best), true
}

// Tally is what a slot counted, as this rule sees it: the bad ones of all requests.
func (r Rule) Tally(c Counts) Tally {
	v := view{rule: r, state: &State{}, round: Round{Blue: c, Green: c}}
	v.measure()
	return v.count(c, Counts{})
}
