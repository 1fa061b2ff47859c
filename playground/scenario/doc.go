// Package scenario is what users do, from end to end: the real plugin binary launches real blueprints against a real
// API server, under load, and the cluster is looked at before and after.
//
// Its tests run on a playground of their own, or, with DRO_E2E=1, on the cluster of the current kubeconfig context
// (real.go says what the environment must tell). They know the plugin by its command line and JSON events alone.
//
// TestFaults cuts launches short in every way there is, a few of them in `make test` and all in `make faults`.
//
// Start reading at TestScenarios, and at TestFaults.
package scenario
