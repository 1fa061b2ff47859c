// Package smoke runs a blueprint's tests in the cluster, each as a Job in the rollout's namespace, and shows and keeps
// their logs.
//
// A test's command is data: it goes into the Job as it was written and is run by a shell there, never here. The package
// does not decide what a failed test means, and it does not run the tests that belong to a Helm chart.
//
// Start reading at Runner.Run; what the Job looks like is in job.go (pure).
package smoke
