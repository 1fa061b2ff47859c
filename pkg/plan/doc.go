// Package plan turns a blueprint and what is live into the ordered steps of a rollout.
//
// It is pure: values in, values out. pkg/rollout runs the steps. Start reading at Make.
package plan
