package traffic

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// lookout lists what is in the cluster, each kind once.
type lookout struct {
	client  dynamic.Interface
	lists   map[schema.GroupVersionResource]listing
	classes map[string]string // IngressClass → controller; nil until asked
}

// listing is all objects of a row's kind that may be seen.
type listing struct {
	row        Row
	objects    []unstructured.Unstructured
	everywhere bool
	missing    bool // the cluster does not have the kind
}

func newLookout(client dynamic.Interface) *lookout {
	return &lookout{client: client, lists: map[schema.GroupVersionResource]listing{}}
}

// list is every object of the row's kind, in the whole cluster when that is permitted.
func (l *lookout) list(ctx context.Context, row Row, t Target) (listing, error) {
	if known, ok := l.lists[row.GVR()]; ok {
		known.row = row
		return known, nil
	}
	found := listing{row: row, everywhere: !row.Form.Asked()}
	var objects *unstructured.UnstructuredList
	var err error
	if found.everywhere {
		objects, err = l.client.Resource(row.GVR()).List(ctx, metav1.ListOptions{})
	}
	if !found.everywhere || apierrors.IsForbidden(err) {
		found.everywhere = false
		objects, err = l.client.Resource(row.GVR()).Namespace(t.Namespace).List(ctx, metav1.ListOptions{})
	}
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		found.missing, found.everywhere = true, false
	case apierrors.IsForbidden(err):
		return listing{}, fmt.Errorf("find the router of %s: %w\n  dro needs the verbs %s on %s.%s in namespace %s",
			t.Component, err, strings.Join(row.Verbs(), ", "), row.Resource, row.Group, t.Namespace)
	case err != nil:
		return listing{}, fmt.Errorf("find the router of %s: list %s: %w", t.Component, row.Resource, err)
	default:
		found.objects = objects.Items
	}
	l.lists[row.GVR()] = found
	return found, nil
}

const classAnnotation = "kubernetes.io/ingress.class"

// ours tells whether an object is this row's: of its class, and no twin of another.
func (l *lookout) ours(ctx context.Context, row Row, object unstructured.Unstructured) (bool, error) {
	if row.Twin != nil {
		for key, value := range row.Twin.Annotations {
			if object.GetAnnotations()[key] == value {
				return false, nil
			}
		}
	}
	if row.Class == nil {
		return true, nil
	}
	if _, ok := object.GetAnnotations()[row.Weights]; row.Weights != "" && ok {
		return true, nil
	}
	class, ok := object.GetAnnotations()[classAnnotation]
	if named, _ := at(object.Object, "spec.ingressClassName"); !ok {
		class, _ = named.(string)
	}
	if err := l.readClasses(ctx); err != nil {
		return false, err
	}
	if controller, known := l.classes[class]; known && row.Class.Controller != "" {
		return controller == row.Class.Controller, nil
	}
	return class != "" && class == row.Class.Name, nil
}

// readClasses reads the cluster's IngressClasses. Who may not, has to do with their names.
func (l *lookout) readClasses(ctx context.Context) error {
	if l.classes != nil {
		return nil
	}
	l.classes = map[string]string{}
	resource := schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}
	found, err := l.client.Resource(resource).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the routers: list ingressclasses: %w", err)
	}
	for _, class := range found.Items {
		controller, _ := at(class.Object, "spec.controller")
		l.classes[class.GetName()], _ = controller.(string)
	}
	return nil
}

// free refuses a route when what blue's object beside it would be named is there already.
func (l *lookout) free(ctx context.Context, r Route) error {
	if r.Row.Form != TwinForm {
		return nil
	}
	known, ok := l.lists[r.Row.GVR()]
	if !ok {
		return nil
	}
	beside := r.beside()
	i := slices.IndexFunc(known.objects, func(o unstructured.Unstructured) bool {
		return slices.Contains(beside, key{r.Row.GVR(), o.GetNamespace(), o.GetName()})
	})
	if i < 0 {
		return nil
	}
	if r.mine(&known.objects[i]) == nil {
		return fmt.Errorf("%s %s/%s is there from another rollout\n  finish or abort that, or delete it",
			strings.ToLower(r.Row.Kind), r.Namespace, known.objects[i].GetName())
	}
	return r.mine(&known.objects[i])
}
