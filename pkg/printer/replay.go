package printer

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Replayed is how one KPI would have judged the live version in the past.
type Replayed struct {
	Component string  `json:"component"`
	KPI       string  `json:"kpi"`
	Threshold string  `json:"threshold"`
	Launches  int     `json:"launches"`
	Silent    int     `json:"silent"`
	Alarms    []Alarm `json:"alarms"`
}

// Alarm is a breach in the past.
type Alarm struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Replay shows how often thresholds would have rolled back a version that was fine.
func (f Format) Replay(out io.Writer, all []Replayed) error {
	if machine, err := f.data(out, all); machine {
		return err
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tKPI\tTHRESHOLD\tLAUNCHES\tROLLED BACK\tWITHOUT DATA")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\n", Clean(r.Component), Clean(r.KPI), r.Threshold, r.Launches, len(r.Alarms), r.Silent)
	}
	w.Flush()
	for _, r := range all {
		for _, a := range r.Alarms {
			fmt.Fprintf(&text, "%s  %s: %s\n", stamp(&a.At), Clean(r.Component), Clean(r.KPI+": "+a.Reason))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}
