package traffic

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

// All are the routes of a namespace, of every kind that is installed, for a component whose blue has the given Service.
func All(ctx context.Context, client dynamic.Interface, rows []Row, namespace, component, blue string) (routes []Route, err error) {
	for _, row := range rows {
		if row.Form.Asked() { // a Service names no Service
			continue
		}
		list, err := client.Resource(row.GVR()).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("see which routes name service %s: list %s: %w", blue, row.Resource, err)
		}
		for _, object := range list.Items {
			r, err := Target{Namespace: namespace, Component: component, Blue: blue}.route(row, object)
			if err != nil {
				return nil, err
			}
			routes = append(routes, r)
		}
	}
	return routes, nil
}

// Naming are those of the routes that name the Service of their blue, with whatever weight.
func Naming(routes []Route) ([]Route, error) {
	var naming []Route
	for _, r := range routes {
		object, err := r.object()
		if err != nil {
			return nil, err
		}
		if r.Blue != "" && r.pointsAt(object, blue) {
			naming = append(naming, r)
		}
	}
	return slices.Clip(naming), nil
}
