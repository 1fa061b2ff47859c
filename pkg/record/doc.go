// Package record is a rollout's durable state: what it is, where it keeps it, and who may write it.
//
// A record is written before each act, so that any process can read how far a rollout came. One Secret holds one
// rollout; a Lease says who writes. It decides nothing: pkg/plan and pkg/rollout do. Start reading at Rollout.
package record
