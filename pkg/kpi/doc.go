// Package kpi says what a release's KPIs are, where their numbers come from, and how they stand.
//
// A Definition (define.go, builtin.go) is a KPI with its queries. Aimed at the two slots of a component it is a Check.
// A Source (source.go, prometheus.go, find.go) answers queries with raw series. The Sentinel (sentinel.go) samples all
// checks in one round, counts what happened since its baseline series by series (counter.go), and asks package judge
// for a verdict. Start reading there. First (first.go) tells green's present numbers before anything is launched.
//
// It does not decide what a verdict means for a rollout, and keeps no history beyond the judge's window.
package kpi
