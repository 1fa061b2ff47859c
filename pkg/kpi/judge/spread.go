package judge

// calm is how many failures' worth of it is taken for granted before anything is known: failures come a little together,
// as they do where clients try again.
const (
	calm  = 5
	usual = 1.15
)

// Spread tells whether failures come one by one or in clumps, as those of a client that tries again and again: by how
// much the counts of neighbouring intervals differ, over what chance makes of them. Neighbours, because a rate that
// changed once is no clump. It outlives the baseline.
type Spread struct {
	Sum    float64 `json:"sum,omitempty"`
	Weight float64 `json:"weight,omitempty"` // failures that it is made of
	Last   Tally   `json:"last"`
}

// add takes in an interval.
func (s *Spread) add(t Tally) {
	if t.Total <= 0 {
		return
	}
	last := s.Last
	s.Last = t
	bad, total := last.Bad+t.Bad, last.Total+t.Total
	if last.Total <= 0 || bad <= 0 || bad >= total {
		return
	}
	p := bad / total
	square := func(t Tally) float64 { d := t.Bad - t.Total*p; return d * d / (t.Total * p * (1 - p)) }
	s.Sum += bad * (square(last) + square(t))
	s.Weight += bad
	if s.Weight > 100*calm { // old times fade
		s.Sum, s.Weight = s.Sum/2, s.Weight/2
	}
}

// factor is how many failures come together, at least one.
func (s *Spread) factor() float64 { return max(1, (usual*calm+s.Sum)/(calm+s.Weight)) }
