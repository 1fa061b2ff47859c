package kpi

import "context"

// Present is green's number for one check before anything is launched.
type Present struct {
	Check  Check
	Value  string  // as people write it; empty when there is no data
	Number float64 // the same as a share, seconds or plain number
	Within bool    // green itself keeps to the threshold
	NoData string  // why there is no number; empty when there is one
	Note   string  // what a person should know about the number
}

// First tells green's present number of every check, in their order, over the last two minutes. A KPI without data
// for any component is an error that names the queries tried; one without data for some components is reported.
func First(ctx context.Context, source Source, checks []Check) ([]Present, error) {
	panic("being written")
}
