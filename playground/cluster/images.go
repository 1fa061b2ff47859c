package cluster

import (
	"io"
	"net/http"
	"strings"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/node"
)

const prometheusImage = "localhost/prometheus:1"

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

// foodImage splits localhost/COMPONENT:TAG.
func foodImage(image string) (component, tag string, ok bool) {
	name, ok := strings.CutPrefix(image, "localhost/")
	if !ok {
		return "", "", false
	}
	return strings.Cut(name, ":")
}
