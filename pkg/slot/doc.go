// Package slot makes, waits for and removes the two slots of an application: blue as a Helm release beside green, and
// green when it settles or when there is none yet.
//
// It is not the router (pkg/traffic) and decides nothing about the rollout. It is the only package that imports Helm.
//
// Start reading at Slots.Inspect, which finds green and works out what blue will be; everything else works from the
// Components it returns. What turns a chart's objects into a second copy is pure and lives in copy.go.
package slot
