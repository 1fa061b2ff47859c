// Package node plays the kubelet: one Node object, and the life of every pod that the scheduler binds to it, from
// addresses and conditions to probes, restarts, logs and the grace period.
//
// There are no containers. An image of the Catalogue is an http.Handler served at the pod's made-up address; any other
// image runs its command as a local process; an image that is neither can't be pulled. So nothing here isolates
// anything, and resources, security contexts and persistent volumes mean nothing.
//
// Start reading at Node in node.go, then pod.go (a pod's life) and container.go (a container's). What is decided is
// pure and in status.go, restart.go, env.go and mounts.go.
package node
