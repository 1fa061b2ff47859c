// Package standby places somebody in the cluster who goes on with a rollout when its launcher falls silent: a small Job
// that runs this same program, waits on the lease, and is removed with all that it needs when the rollout is over.
//
// It knows how to place and remove the Job. What the Job's process does is pkg/action's Standby. Start reading at Job.
package standby
