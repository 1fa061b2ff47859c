package prometheus

import (
	"net"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	corev1 "k8s.io/api/core/v1"
)

// targets are the gateway's metrics and those of every pod that asks to be scraped and is ready.
func targets(gateway string, pods []*corev1.Pod) map[string][]*targetgroup.Group {
	groups := []*targetgroup.Group{}
	for _, pod := range pods {
		if g := podGroup(pod); g != nil {
			groups = append(groups, g)
		}
	}
	return map[string][]*targetgroup.Group{
		gatewayJob: {{Source: gatewayJob, Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(gateway)}}}},
		podsJob:    groups,
	}
}

// podGroup is the pod as a target with Prometheus' usual meta labels, or nil when it is not to be scraped.
func podGroup(pod *corev1.Pod) *targetgroup.Group {
	port := metricsPort(pod)
	if pod.Annotations["prometheus.io/scrape"] != "true" || pod.Status.PodIP == "" || port == "" || !ready(pod) {
		return nil
	}
	labels := model.LabelSet{
		"__meta_kubernetes_namespace": model.LabelValue(pod.Namespace),
		"__meta_kubernetes_pod_name":  model.LabelValue(pod.Name),
	}
	for name, value := range pod.Labels {
		labels[metaLabel("label", name)] = model.LabelValue(value)
	}
	for name, value := range pod.Annotations {
		labels[metaLabel("annotation", name)] = model.LabelValue(value)
	}
	address := net.JoinHostPort(pod.Status.PodIP, port)
	return &targetgroup.Group{
		Source:  "pod/" + pod.Namespace + "/" + pod.Name,
		Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(address)}},
		Labels:  labels,
	}
}

func metaLabel(kind, name string) model.LabelName {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	return model.LabelName("__meta_kubernetes_pod_" + kind + "_" + clean)
}

func metricsPort(pod *corev1.Pod) string {
	if port := pod.Annotations["prometheus.io/port"]; port != "" {
		return port
	}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			return strconv.Itoa(int(p.ContainerPort))
		}
	}
	return ""
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
