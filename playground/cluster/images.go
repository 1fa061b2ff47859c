package cluster

import (
	"io"
	"net/http"
	"strings"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/node"
)

const (
	prometheusImage = "localhost/prometheus:1"
	pluginImage     = "dro.dev/kubectl-dro"
)

// images are those that the playground plays itself: every version of the food service, and Prometheus.
func images(prometheus http.Handler) node.Catalogue {
	return func(image string) (node.Program, bool) {
		if image == prometheusImage {
			return func(map[string]string, io.Writer) (http.Handler, error) { return prometheus, nil }, true
		}
		component, tag, ok := foodImage(image)
		if !ok || !food.Known(component, tag) {
			return nil, false
		}
		return func(env map[string]string, _ io.Writer) (http.Handler, error) {
			return food.Handler(component, tag, env)
		}, true
	}
}

// entry is the plugin's own image, which stands for the plugin's binary: whoever launches has one anyway.
func entry(plugin string) node.Entry {
	return func(image string) (string, bool) {
		name, _, _ := strings.Cut(image, ":")
		return plugin, plugin != "" && name == pluginImage
	}
}

// foodImage splits localhost/COMPONENT:TAG.
func foodImage(image string) (component, tag string, ok bool) {
	name, ok := strings.CutPrefix(image, "localhost/")
	if !ok {
		return "", "", false
	}
	return strings.Cut(name, ":")
}
