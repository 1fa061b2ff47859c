// Package judge turns counts into verdicts. It is pure: no clock, no input or output, no memory between calls.
//
// The caller hands over the rounds since its baseline, as cumulative counts, and gets a Finding. Start with Judge.
// What a verdict means for a rollout, and where counts come from, is not known here.
package judge
