package kpi

// Series is one series of an answer, as it was when asked.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Answer is what a source has for one query. No series is an answer too.
type Answer struct {
	Series []Series
	Err    error // why this query, of those asked, could not be answered
}
