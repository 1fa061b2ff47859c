// Package network is the playground's made-up network. Pods get addresses of a range that exists nowhere, because the
// API server refuses loopback addresses in EndpointSlices; everything that wants to reach a pod dials through a
// Network, which knows the loopback listener behind each made-up address, the ready endpoints behind each Service and
// the names that cluster DNS would answer.
//
// It is not a packet network: only TCP, only what was registered with Listen or Map, and never anything outside this
// machine.
//
// Start reading at resolve in names.go (pure), then Network in network.go; proxy.go is the door for everything that
// can't call DialContext: the API server (CONNECT) and local processes (http_proxy).
package network
