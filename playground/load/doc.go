// Package load sends requests at a steady rate and counts the answers by version and status.
//
// It is open-loop: requests leave at fixed times whether or not earlier ones were answered, so a slow service
// gets no relief and its failures are not hidden. It is no benchmark and it only talks to loopback addresses.
//
// Start reading at Start.
package load
