# kubectl dro. `make` alone lists what there is to do.

# Without cgo the binaries are static and one build cache serves all targets.
export CGO_ENABLED = 0

VERSION    := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
KUBERNETES := k8s.io/component-base/version
GOLANGCI   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The race detector needs a C compiler.
CC_FOUND := $(shell command -v $(firstword $(shell go env CC)))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build playground ## a bad release goes back by itself, a good one goes all the way (first build: about 10 minutes)
	bin/playground demo --plugin bin/kubectl-dro

.PHONY: build
build: ## bin/kubectl-dro, the plugin
	@scripts/compile "the plugin (about 3 minutes the first time, seconds later)" \
		go build -v -ldflags '-s -w -X dro.dev/kubectl-dro/pkg/cmd.version=$(VERSION)' -o bin/kubectl-dro ./cmd/kubectl-dro

.PHONY: playground
playground: ## bin/playground, a small Kubernetes of real parts for demo and tests
	@# go list says where a module is only once it is there
	@cd playground && go mod download sigs.k8s.io/gateway-api
	@scripts/compile "the playground: Kubernetes and Prometheus (about 8 minutes the first time, seconds later)" \
		go -C playground build -v -o ../bin/playground -ldflags "-s -w \
			-X $(KUBERNETES).gitVersion=v1.37.2 -X $(KUBERNETES).gitMajor=1 -X $(KUBERNETES).gitMinor=37 \
			-X main.gatewayCRDs=$$(cd playground && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/standard" .

.PHONY: helm
helm: # bin/helm, with which scenarios install a green
	@scripts/compile "helm" go build -v -ldflags '-s -w' -o bin/helm helm.sh/helm/v3/cmd/helm

.PHONY: test
test: build playground helm ## everything: vet, unit tests with the race detector, the scenarios on the playground
	go vet ./...
	go -C playground vet ./...
ifeq ($(CC_FOUND),)
	@echo "no C compiler here: the race detector is left out"
	go test ./...
else
	CGO_ENABLED=1 go test -race ./...
endif
	@# -count 1: the binaries under test are not among what go test watches for its cache
	go -C playground test -count 1 -timeout 40m ./...

.PHONY: faults
faults: build playground helm ## launches are killed at every write, and worse; what is left must be whole (14 to 25 minutes)
	go -C playground test -c -o ../bin/faults.test ./scenario
	cd playground/scenario && ../../bin/faults.test -test.run '^TestFaults$$' -test.timeout 40m -faults 1

.PHONY: bench
bench: build playground helm ## the judge beside thresholds on the same simulated rollouts, and what has a budget
	@go test ./pkg/kpi/judge -count 1 -v -run '^TestSimulatedRollouts$$' -runs 1000 | grep -v '^[=-]'
	@go test ./pkg/kpi/... -run '^$$' -bench . | grep Benchmark
	@go -C playground test ./contract -run '^$$' -bench . | grep Benchmark
	go -C playground test -count 1 -timeout 45m -run '^(TestBudgets|TestSentinel)$$' ./scenario -budgets -v

.PHONY: e2e
e2e: build helm ## the story on the cluster of the current kubeconfig context (see CONTRIBUTING.md)
	DRO_E2E=1 go -C playground test -count 1 -v -timeout 20m -run '^TestScenarios$$/^(story|helm_green|first_launch|standby|traffic|no_router|people)$$' ./scenario

.PHONY: lint
lint: ## formatting and static analysis of both modules
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w is needed for:" $$unformatted; exit 1; }
	go run $(GOLANGCI) run
	cd playground && go run $(GOLANGCI) run --config ../.golangci.yml
