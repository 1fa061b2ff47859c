// Package rollout is the loop: it runs a rollout's steps one after the other, and on failure puts green first.
//
// It knows no cluster and no Helm. The interfaces here say what it needs of them; pkg/action wires them.
// Start reading at Engine.Run, then Engine.back.
package rollout
