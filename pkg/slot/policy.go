package slot

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// selecting are the kinds that act on pods, or on Services, by their labels.
var selecting = []struct {
	kind     schema.GroupKind
	selector []string // where the selector is
	services bool     // it selects Services
}{
	{schema.GroupKind{Group: "networking.k8s.io", Kind: "NetworkPolicy"}, []string{"spec", "podSelector"}, false},
	{schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"}, []string{"spec", "selector"}, false},
	{schema.GroupKind{Group: "monitoring.coreos.com", Kind: "PodMonitor"}, []string{"spec", "selector"}, false},
	{schema.GroupKind{Group: "monitoring.coreos.com", Kind: "ServiceMonitor"}, []string{"spec", "selector"}, true},
}

// monitors reads objects of kinds that a cluster may not have.
type monitors struct {
	client dynamic.Interface
	mapper func() (meta.RESTMapper, error)
}

// uncovered lists the policies and monitors that select green's pods or Service but not blue's, as they are and as the
// release would make them.
func (s *Slots) uncovered(ctx context.Context, w world, c Component, made []object) ([]string, error) {
	greenPods, greenService := w.labelsOf(c)
	bluePods, blueService, err := labelsOf(made, c)
	if err != nil {
		return nil, err
	}
	var notes []string
	for _, row := range selecting {
		live, err := s.monitors.list(ctx, s.namespace, row.kind)
		if err != nil {
			notes = append(notes, err.Error())
			continue
		}
		green, blue := greenPods, bluePods
		if row.services {
			green, blue = greenService, blueService
		}
		covered := false
		var only []string
		for _, o := range live {
			g, b := selects(o, row.selector, green), selects(o, row.selector, blue)
			covered = covered || b
			if g && !b {
				only = append(only, id(o))
			}
		}
		for _, o := range made {
			covered = covered || o.GetKind() == row.kind.Kind && selects(o, row.selector, blue)
		}
		if covered {
			continue
		}
		for _, name := range only {
			notes = append(notes, fmt.Sprintf("%s covers green but not blue", name))
		}
	}
	return notes, nil
}

// list reads all objects of a kind; none when the cluster does not know it.
func (m monitors) list(ctx context.Context, namespace string, kind schema.GroupKind) ([]object, error) {
	mapper, err := m.mapper()
	if err != nil {
		return nil, fmt.Errorf("can't tell which objects of kind %s cover green: %w", kind.Kind, err)
	}
	mapping, err := mapper.RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("can't tell which objects of kind %s cover green: %w", kind.Kind, err)
	}
	all, err := m.client.Resource(mapping.Resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("no permission to list %s.%s: can't tell which cover green and not blue", mapping.Resource.Resource, kind.Group)
	}
	if err != nil {
		return nil, fmt.Errorf("can't tell which objects of kind %s cover green: %w", kind.Kind, err)
	}
	var found []object
	for i := range all.Items {
		found = append(found, &all.Items[i])
	}
	return found, nil
}

// selects says whether the selector at a place in o takes these labels.
func selects(o object, place []string, set map[string]string) bool {
	raw, _, _ := unstructured.NestedMap(o.Object, place...)
	var s metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &s); err != nil {
		return false
	}
	sel, err := metav1.LabelSelectorAsSelector(&s)
	return err == nil && sel.Matches(labels.Set(set))
}

// labelsOf are the labels of green's pods and of its Service.
func (w world) labelsOf(c Component) (pods, service map[string]string) {
	for _, own := range w.workloads {
		if own.id() == c.GreenWorkload {
			pods = own.template.Labels
		}
	}
	for _, o := range w.services {
		if o.Name == c.GreenService {
			service = o.Labels
		}
	}
	return pods, service
}

// labelsOf are the labels of blue's pods and of its Service.
func labelsOf(made []object, c Component) (pods, service map[string]string, err error) {
	for _, o := range made {
		switch id(o) {
		case c.BlueWorkload:
			t, err := template(o)
			if err != nil {
				return nil, nil, err
			}
			pods = t.Labels
		case "Service/" + c.BlueService:
			service = o.GetLabels()
		}
	}
	return pods, service, nil
}
