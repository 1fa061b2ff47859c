package record

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// A day of samples a second stays a small chart that still covers all of the day.
func TestSeriesStaySmall(t *testing.T) {
	r := &Rollout{Started: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}
	const day = 24 * 60 * 60
	for second := range day {
		r.Chart("error_rate", "food", "< 0.5%", "%", r.Started.Add(time.Duration(second)*time.Second), float64(second)/day, .005)
	}
	points := r.KPIs[0].Points
	if len(r.KPIs) != 1 || len(points) > enoughPoints || len(points) < enoughPoints/2 {
		t.Fatalf("%d series, %d points", len(r.KPIs), len(points))
	}
	if first, last := points[0].At, points[len(points)-1].At; first > day/20 || last < day*19/20 {
		t.Errorf("from %v to %v", first, last)
	}
	for i := 1; i < len(points); i++ {
		if points[i].At <= points[i-1].At {
			t.Fatalf("%v comes after %v", points[i], points[i-1])
		}
	}
	text, err := json.Marshal(r.KPIs)
	if err != nil || len(text) > 6000 {
		t.Errorf("%d bytes (%v)", len(text), err)
	}
	var again []Series
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, r.KPIs) {
		t.Errorf("%v: %+v", err, again)
	}
}

func TestSeriesAreKeptApart(t *testing.T) {
	r := &Rollout{}
	for _, component := range []string{"a", "b", "a"} {
		r.Chart("error_rate", component, "< 1%", "%", time.Time{}, 0, .01)
	}
	if len(r.KPIs) != 2 || len(r.KPIs[0].Points) != 2 {
		t.Errorf("%+v", r.KPIs)
	}
}
