// Package notify tells others of a rollout. Each way of telling is an event.Sink: it is called synchronously, gives up
// soon, and can't fail a rollout. Start reading at Kubernetes.
package notify
