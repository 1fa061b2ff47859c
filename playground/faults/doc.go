// Package faults is a way to the API server that ends the process which uses it at a chosen write, or gives it bad weather.
//
// It needs nothing of that process but that it goes through the proxy. What is done to a rollout this way, and what must
// be so afterwards, is in package scenario.
//
// Start reading at Proxy.
package faults
