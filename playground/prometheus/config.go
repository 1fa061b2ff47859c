package prometheus

import (
	"fmt"

	"github.com/prometheus/prometheus/config"
)

// Job names, which are also the scrape pools' names.
const (
	gatewayJob = "gateway"
	podsJob    = "pods"
)

// The relabelling is the usual one for annotated pods; a pod without the port annotation keeps its container's port.
const scrapeConfig = `
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: gateway
- job_name: pods
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], action: replace, target_label: __metrics_path__, regex: (.+)}
  - {action: labelmap, regex: __meta_kubernetes_pod_label_(.+)}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`

func loadConfig() (*config.Config, error) {
	cfg, err := config.Load(scrapeConfig, nil)
	if err != nil {
		return nil, fmt.Errorf("read the scrape configuration: %w", err)
	}
	return cfg, nil
}
