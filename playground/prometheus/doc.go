// Package prometheus runs a real Prometheus inside the playground's process, put together from the parts of
// github.com/prometheus/prometheus: scrape manager, TSDB, PromQL engine and HTTP API.
//
// There is no configuration file, no rules, no alerting, no remote storage, and none of its service discoveries:
// the targets are the gateway and the pods that an informer sees, given to the scrape manager directly.
//
// Start reading at New and Run in server.go; targets.go says what is scraped, api.go holds the HTTP API's wiring.
package prometheus
