package record

import (
	"encoding/json"
	"time"
)

// enoughPoints is how many points a series has at most. When it is full, every second one goes.
const enoughPoints = 120

// Series is how one KPI of one component went, as far as a small chart needs it.
type Series struct {
	Name      string  `json:"name"`
	Component string  `json:"component,omitempty"`
	Threshold string  `json:"threshold"`
	Unit      string  `json:"unit,omitempty"` // of the numbers as people write them: % (shares from 0 to 1), s, or none
	Points    []Point `json:"points,omitempty"`
	Every     int     `json:"every,omitempty"` // rounds between two points
	Rounds    int     `json:"rounds,omitempty"`
}

// Point is blue's number and the limit in force, some seconds after the rollout's start. In JSON it is a list of three.
type Point struct{ At, Blue, Limit float64 }

// MarshalJSON writes the point as a list, because there are many.
func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal([3]float64{p.At, p.Blue, p.Limit}) }

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Point) UnmarshalJSON(data []byte) error {
	var list [3]float64
	err := json.Unmarshal(data, &list)
	*p = Point{At: list[0], Blue: list[1], Limit: list[2]}
	return err
}

// Chart adds a KPI's number to its series.
func (r *Rollout) Chart(name, component, threshold, unit string, now time.Time, blue, limit float64) {
	s := r.series(name, component)
	s.Threshold, s.Unit = threshold, unit
	s.Every = max(s.Every, 1)
	s.Rounds++
	if s.Rounds%s.Every != 0 {
		return
	}
	if len(s.Points) >= enoughPoints {
		for i := range len(s.Points) / 2 {
			s.Points[i] = s.Points[2*i+1]
		}
		s.Points = s.Points[:len(s.Points)/2]
		s.Every *= 2
	}
	at := now.Sub(r.Started).Truncate(100 * time.Millisecond).Seconds()
	s.Points = append(s.Points, Point{At: at, Blue: blue, Limit: limit})
}

func (r *Rollout) series(name, component string) *Series {
	for i := range r.KPIs {
		if r.KPIs[i].Name == name && r.KPIs[i].Component == component {
			return &r.KPIs[i]
		}
	}
	r.KPIs = append(r.KPIs, Series{Name: name, Component: component})
	return &r.KPIs[len(r.KPIs)-1]
}
