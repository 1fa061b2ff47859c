package slot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
)

// world is what runs in the namespace, without the rollout's own blue.
type world struct {
	services  []corev1.Service
	workloads []workload
}

// workload is what runs pods from a template.
type workload struct {
	kind string
	metav1.ObjectMeta
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
	replicas int32
	paused   bool
	object   any // the typed object
}

func (w workload) id() string { return w.kind + "/" + w.Name }

// release is the Helm release that owns the workload, if Helm says so.
func (w workload) release(namespace string) string {
	if w.Annotations["meta.helm.sh/release-namespace"] != namespace {
		return ""
	}
	return w.Annotations["meta.helm.sh/release-name"]
}

// look reads the namespace.
func look(ctx context.Context, client kubernetes.Interface, namespace, rollout string) (world, error) {
	var w world
	own := func(m metav1.ObjectMeta) bool {
		return m.Labels[labelRollout] == rollout && m.Labels[labelSlot] == "blue"
	}
	services, err := client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return w, fmt.Errorf("list services in %s: %w", namespace, err)
	}
	w.services = slices.DeleteFunc(services.Items, func(s corev1.Service) bool { return own(s.ObjectMeta) })
	deployments, err := client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return w, fmt.Errorf("list deployments in %s: %w", namespace, err)
	}
	for _, d := range deployments.Items {
		w.workloads = append(w.workloads, ofDeployment(&d))
	}
	sets, err := client.AppsV1().StatefulSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return w, fmt.Errorf("list statefulsets in %s: %w", namespace, err)
	}
	for _, s := range sets.Items {
		w.workloads = append(w.workloads, ofStatefulSet(&s))
	}
	daemons, err := client.AppsV1().DaemonSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return w, fmt.Errorf("list daemonsets in %s: %w", namespace, err)
	}
	for _, d := range daemons.Items {
		w.workloads = append(w.workloads, workload{
			kind: "DaemonSet", ObjectMeta: d.ObjectMeta, selector: d.Spec.Selector, template: d.Spec.Template,
		})
	}
	w.workloads = slices.DeleteFunc(w.workloads, func(w workload) bool { return own(w.ObjectMeta) })
	return w, nil
}

func ofDeployment(d *appsv1.Deployment) workload {
	return workload{
		kind: "Deployment", ObjectMeta: d.ObjectMeta, selector: d.Spec.Selector, template: d.Spec.Template,
		replicas: pods(d.Spec.Replicas), paused: d.Spec.Paused, object: d,
	}
}

func ofStatefulSet(s *appsv1.StatefulSet) workload {
	return workload{
		kind: "StatefulSet", ObjectMeta: s.ObjectMeta, selector: s.Spec.Selector, template: s.Spec.Template,
		replicas: pods(s.Spec.Replicas), object: s,
	}
}

// pods is a number of replicas, with the API server's default.
func pods(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

// foreign is all that selects pods in the namespace.
func (w world) foreign() ([]selector, error) {
	var all []selector
	for _, s := range w.services {
		all = append(all, selector{"Service/" + s.Name, labels.SelectorFromSet(s.Spec.Selector)})
	}
	for _, own := range w.workloads {
		sel, err := metav1.LabelSelectorAsSelector(own.selector)
		if err != nil {
			return nil, fmt.Errorf("%s: read its selector: %w", own.id(), err)
		}
		all = append(all, selector{own.id(), sel})
	}
	return all, nil
}

// green is what a component is served by today.
type green struct {
	service  *corev1.Service // nil when there is none
	workload workload
}

// green finds a component's green. The second result is false when there is none yet.
func (w world) green(c blueprint.Component) (green, bool, error) {
	name := c.Service
	if name == "" {
		name = c.Name()
	}
	i := slices.IndexFunc(w.services, func(s corev1.Service) bool { return s.Name == name })
	if i < 0 {
		return w.unserved(c)
	}
	service := &w.services[i]
	if len(service.Spec.Selector) == 0 {
		return green{}, false, fmt.Errorf("%s: service %s selects no pods (it has no selector)\n"+
			"  name the Service of green's pods with service:", c.Name(), name)
	}
	var found []workload
	for _, own := range w.workloads {
		if subset(service.Spec.Selector, own.template.Labels) {
			found = append(found, own)
		}
	}
	switch {
	case len(found) == 0:
		return green{}, false, fmt.Errorf("%s: service %s selects %s, but no Deployment or StatefulSet has such pods\n"+
			"  bare pods and what other controllers make can't have a second copy; make it a Deployment",
			c.Name(), name, labels.FormatLabels(service.Spec.Selector))
	case len(found) > 1:
		var names []string
		for _, own := range found {
			names = append(names, own.id())
		}
		return green{}, false, fmt.Errorf("%s: service %s selects the pods of several: %s\n"+
			"  give green a Service that selects one", c.Name(), name, strings.Join(names, ", "))
	}
	return green{service, found[0]}, true, found[0].usable()
}

// unserved finds a green that has no Service: a workload called like the component.
func (w world) unserved(c blueprint.Component) (green, bool, error) {
	i := slices.IndexFunc(w.workloads, func(own workload) bool { return own.Name == c.Name() })
	switch {
	case i >= 0 && c.Service == "":
		return green{workload: w.workloads[i]}, true, w.workloads[i].usable()
	case i >= 0:
		return green{}, false, fmt.Errorf("%s: service %s does not exist, but %s does\n"+
			"  set service: to the Service of its pods", c.Name(), c.Service, w.workloads[i].id())
	}
	return green{}, false, nil
}

// usable says why a workload can't be green.
func (w workload) usable() error {
	switch {
	case refused[w.kind] != "":
		return fmt.Errorf("%s can't have a second copy: %s", w.id(), refused[w.kind])
	case w.paused:
		return fmt.Errorf("%s is paused: it could not be upgraded\n  resume it with kubectl rollout resume", w.id())
	}
	return nil
}
