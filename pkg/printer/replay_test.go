package printer

import (
	"strings"
	"testing"
	"time"
)

func TestReplay(t *testing.T) {
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	all := []Replayed{
		{Component: "food", KPI: "error_rate", Threshold: "< 0.5%", Launches: 12, Alarms: []Alarm{{at, "error_rate 0.8% > 0.5%"}}},
		{Component: "food", KPI: "queue", Threshold: "< 10", Launches: 12, Silent: 12},
	}
	var out strings.Builder
	if err := Format("").Replay(&out, all); err != nil {
		t.Fatal(err)
	}
	const want = "COMPONENT   KPI          THRESHOLD   LAUNCHES   ROLLED BACK   WITHOUT DATA\n" +
		"food        error_rate   < 0.5%      12         1             0\n" +
		"food        queue        < 10        12         0             12\n"
	if got := out.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "food: error_rate: error_rate 0.8% > 0.5%") {
		t.Errorf("%s\nwant %s", got, want)
	}
}
