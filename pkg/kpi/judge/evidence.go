package judge

import "math"

// Alpha is the chance of a false alarm that a whole rollout may take.
const Alpha = 0.01

// late is the part of the evidence that is kept for a change in the middle of a phase, and lateMass makes its weights
// add up to one.
const (
	late     = 0.4
	lateMass = 2.11
)

// most is how many alternatives a test has.
const most = 9

// steps are the log-likelihood ratios of one interval's counts, one for each alternative.
type steps struct {
	n  int
	by [most]float64
}

// Evidence is an e-process: a bet against the null hypothesis that gains nothing on average while that holds. So the
// chance that it ever reaches 1/α is at most α, however often it is looked at (Ville's inequality). All is in logarithms.
type Evidence struct {
	N     int           `json:"n,omitempty"` // alternatives
	Start [most]float64 `json:"start"`       // each alternative's gain since the baseline
	Late  [most]float64 `json:"late"`        // the same for changes after it: a sum over the intervals they may begin with
	Seen  int           `json:"seen,omitempty"`
}

// add takes in an interval. The spread is what was known of it before.
func (e *Evidence) add(s steps, spread float64) {
	if s.n == 0 {
		return
	}
	e.N = s.n
	e.Seen++
	at := float64(e.Seen + 1)
	weight := -math.Log(lateMass * at * math.Pow(math.Log(at), 2))
	for j := range s.n {
		e.Start[j] += s.by[j]
		begun := weight
		if e.Seen > 1 {
			begun = sumLog(e.Late[j], weight)
		}
		e.Late[j] = begun + s.by[j]/spread
	}
}

// log is the evidence of the baseline's own test and the one for later changes together.
func (e *Evidence) log(spread float64) float64 {
	if e.N == 0 {
		return 0
	}
	return sumLog(math.Log(1-late)+e.start(spread), math.Log(late)+mean(e.Late[:e.N], 1))
}

// start is the evidence that what was so from the baseline on is not the null hypothesis. Where failures come in clumps
// there is less of it than their number says, also of what is counted already: a larger spread never adds to it.
func (e *Evidence) start(spread float64) float64 {
	if e.N == 0 {
		return 0
	}
	return mean(e.Start[:e.N], spread)
}

// mean is the logarithm of the mean of exp(l/spread).
func mean(logs []float64, spread float64) float64 {
	highest := math.Inf(-1)
	for _, l := range logs {
		highest = max(highest, l/spread)
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l/spread - highest)
	}
	return highest + math.Log(sum/float64(len(logs)))
}

// sumLog is log(exp(a)+exp(b)).
func sumLog(a, b float64) float64 {
	a, b = max(a, b), min(a, b)
	return a + math.Log1p(math.Exp(b-a))
}

// worse are the multiples of a threshold that the test for a breach looks for, better those of the proof of health.
var (
	worse   = [...]float64{1.5, 2, 3, 5, 10, 20, 50, 100}
	better  = [...]float64{0.05, 0.1, 0.2, 0.4, 0.6}
	greener = [...]float64{1.25, 1.5, 2, 3, 5, 10, 20, 50, 100}
)

// certain is the logarithm of what a failure weighs where none may be.
const certain = 700

// over weighs an interval against "the rate is at most p".
func over(t Tally, p float64) (s steps) {
	for _, m := range worse {
		if q := min(m*p, 0.99); q > p {
			s.by[s.n] = t.Bad*math.Log(q/p) + (t.Total-t.Bad)*math.Log((1-q)/(1-p))
			s.n++
		}
	}
	if p <= 0 {
		s.n = 1
		if t.Bad > 0 {
			s.by[0] = certain
		}
	}
	return s
}

// under weighs an interval against "the rate is at least p".
func under(t Tally, p float64) (s steps) {
	if p <= 0 || p >= 1 {
		return s // none bad at all can't be proven; everything bad is no bound
	}
	for _, m := range better {
		s.by[s.n] = t.Bad*math.Log(m) + (t.Total-t.Bad)*math.Log((1-m*p)/(1-p))
		s.n++
	}
	return s
}

// beside weighs an interval of both slots against "blue's rate is at most r times green's" (at least, with multiples
// below one): of all that is bad, blue's part is what its requests and that rate make it.
func beside(blue, green Tally, r float64, multiples []float64) (s steps) {
	if blue.Total <= 0 || green.Total <= 0 || r <= 0 {
		return s
	}
	part := func(r float64) float64 { return blue.Total * r / (blue.Total*r + green.Total) }
	null := part(r)
	for _, m := range multiples {
		q := part(m * r)
		s.by[s.n] = blue.Bad*math.Log(q/null) + green.Bad*math.Log((1-q)/(1-null))
		s.n++
	}
	return s
}

// at is the evidence that counts would be if they came in one interval, from the baseline on.
func at(s steps) float64 {
	if s.n == 0 {
		return 0
	}
	return mean(s.by[:s.n], 1)
}
