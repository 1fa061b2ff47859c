// Package cluster wires the playground together: the control plane, the node, the made-up network, the gateway,
// Prometheus and the food service, started in the order in which they need each other and ended in reverse.
//
// It decides nothing about how any of them works. Start reading at Up; what is installed in the cluster is in
// install.go and base.yaml, what images exist is in images.go.
package cluster
