package slot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// The labels by which blue's objects are known.
const (
	labelApp     = "dro.dev/app"
	labelRollout = "dro.dev/rollout"
	labelSlot    = "dro.dev/slot"
	labelConfig  = "dro.dev/config" // on a config: the name it has in the blueprint
)

// kept are the kinds that a second copy needs.
var kept = []string{
	"Deployment", "StatefulSet", "Service", "ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding",
	"HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PodMonitor",
}

// refused are the kinds that can't have a second copy, with the reason.
var refused = map[string]string{
	"DaemonSet":             "it runs once on every node",
	"Pod":                   "nothing replaces a bare pod when it goes; make it a Deployment",
	"ReplicaSet":            "it can't be upgraded in place; make it a Deployment",
	"ReplicationController": "it can't be upgraded in place; make it a Deployment",
}

// recipe is what it takes to make a second copy of what a chart renders. Making it is pure.
type recipe struct {
	namespace string
	marks     map[string]string          // labels that everything gets
	taken     map[string]bool            // kind/name of green's objects
	foreign   []selector                 // what others select pods by
	parts     []Component                // what is known of blue so far
	services  map[string]*corev1.Service // green's Services, by component
	configs   []config
	versions  map[string]string // on a first launch: the version wanted, by component
}

// copied is a second copy: its objects, and what there is to know of each component.
type copied struct {
	objects []object
	parts   []Component
	notes   []string // what was left out
	configs []config // those that something refers to
}

// make turns rendered objects into blue's.
func (r recipe) make(rendered []object) (copied, error) {
	var c copied
	var err error
	if c.objects, c.notes, err = keep(rendered, r.namespace); err != nil {
		return c, err
	}
	renameTaken(c.objects, r.taken)
	for _, part := range r.parts {
		if err := c.addPart(part, r.services[part.Name]); err != nil {
			return c, err
		}
	}
	if err := isolate(c.objects, r.foreign); err != nil {
		return c, err
	}
	if c.objects, c.configs, err = addConfigs(c.objects, r.configs); err != nil {
		return c, err
	}
	for _, part := range c.parts {
		if err := size(c.objects, part); err != nil {
			return c, err
		}
	}
	seen := map[string]bool{}
	for _, o := range c.objects {
		if seen[id(o)] {
			return c, fmt.Errorf("blue would have two of %s\n  give green's objects names that differ by more than %q", id(o), suffix)
		}
		seen[id(o)] = true
		if err := mark(o, r.marks); err != nil {
			return c, err
		}
	}
	return c, nil
}

// keep drops what must exist once and says what that was. What can't have a second copy is an error.
func keep(rendered []object, namespace string) (all []object, notes []string, err error) {
	for _, o := range rendered {
		if why, no := refused[o.GetKind()]; no {
			return nil, nil, fmt.Errorf("%s can't have a second copy: %s", id(o), why)
		}
		if !slices.Contains(kept, o.GetKind()) {
			notes = append(notes, "not copied: "+id(o))
			continue
		}
		if ns := o.GetNamespace(); ns != "" && ns != namespace {
			notes = append(notes, fmt.Sprintf("not copied: %s, in namespace %s", id(o), ns))
			continue
		}
		if isWorkload(o) {
			if err := copyable(o); err != nil {
				return nil, nil, err
			}
		}
		o = o.DeepCopy()
		o.SetAnnotations(ownAnnotations(o.GetAnnotations()))
		if o.GetKind() == "Service" {
			inCluster(o)
		}
		all = append(all, o)
	}
	return all, notes, nil
}

// copyable says why a workload can't have a second copy.
func copyable(o object) error {
	if claims, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates"); len(claims) > 0 {
		return fmt.Errorf("%s can't have a second copy: it has volume claims, and blue would start without green's data", id(o))
	}
	t, err := template(o)
	if err != nil {
		return err
	}
	for _, v := range t.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			return fmt.Errorf("%s can't have a second copy: both would write to claim %s", id(o), v.PersistentVolumeClaim.ClaimName)
		}
	}
	return nil
}

// inCluster keeps of a Service what is reached from inside the cluster only: no address or port of its own outside.
func inCluster(o object) {
	spec, _ := o.Object["spec"].(map[string]any)
	for _, field := range []string{
		"externalIPs", "loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges", "externalTrafficPolicy",
		"healthCheckNodePort", "allocateLoadBalancerNodePorts", "clusterIPs", "type",
	} {
		delete(spec, field)
	}
	if spec["clusterIP"] != corev1.ClusterIPNone {
		delete(spec, "clusterIP")
	}
	each(spec, "ports.*.nodePort", func(m map[string]any, key string) { delete(m, key) })
}

// addPart finds a component among the objects. When nothing there serves it, it gets a Service like green's.
func (c *copied) addPart(part Component, service *corev1.Service) error {
	workload, name, err := running(c.objects, part)
	if err != nil {
		return err
	}
	part.BlueWorkload, part.Container = id(workload), name
	part.BluePods = podNames(workload.GetKind(), workload.GetName())
	t, err := template(workload)
	if err != nil {
		return err
	}
	own := servicesOf(c.objects, t.Labels)
	if len(own) == 0 && service != nil {
		clone, err := likeService(service, t.Labels)
		if err != nil {
			return err
		}
		c.objects = append(c.objects, clone)
		own = []object{clone}
	}
	if len(own) > 0 {
		part.BlueService = best(own, part.GreenService).GetName()
	}
	c.parts = append(c.parts, part)
	return nil
}

// running finds the workload and the container that run the component's new image.
func running(all []object, part Component) (object, string, error) {
	var found []object
	var names, seen []string
	for _, o := range all {
		if !isWorkload(o) {
			continue
		}
		t, err := template(o)
		if err != nil {
			return nil, "", err
		}
		for _, c := range containers(t) {
			seen = append(seen, c.Image)
			if c.Image == part.BlueImage {
				found, names = append(found, o), append(names, c.Name)
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, "", fmt.Errorf("%s: the new image %s is not in what the chart makes: %s\n"+
			"  set tagValue: to the path where the chart takes the tag", part.Name, part.BlueImage, list(seen))
	}
	if len(found) == 1 {
		return found[0], names[0], nil
	}
	for i, o := range found { // several run the same image: the one that is served, called like green's or the component
		_, green := split(part.GreenWorkload)
		if n := o.GetName(); n == blueName(green, longestName) || n == part.BlueRelease || n == part.Name {
			return o, names[i], nil
		}
	}
	for i, o := range found {
		t, err := template(o)
		if err != nil {
			return nil, "", err
		}
		if len(servicesOf(all, t.Labels)) > 0 {
			return o, names[i], nil
		}
	}
	return found[0], names[0], nil
}

func list(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return "no workload is in it"
	}
	return strings.Join(names, ", ")
}

// servicesOf are the Services among all that select pods with these labels.
func servicesOf(all []object, set map[string]string) []object {
	var found []object
	for _, o := range all {
		selected, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector")
		if o.GetKind() == "Service" && len(selected) > 0 && subset(selected, set) {
			found = append(found, o)
		}
	}
	return found
}

func subset(small, large map[string]string) bool {
	for key, value := range small {
		if got, ok := large[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// best is the Service that stands for green's: called like it, else one with an address, else the first.
func best(services []object, green string) object {
	score := func(o object) int {
		switch clusterIP, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); {
		case o.GetName() == blueName(green, longestName):
			return 0
		case clusterIP != corev1.ClusterIPNone:
			return 1
		}
		return 2
	}
	return slices.MinFunc(services, func(a, b object) int { return score(a) - score(b) })
}

// likeService is a Service with green's ports for pods with these labels.
func likeService(green *corev1.Service, set map[string]string) (object, error) {
	green = green.DeepCopy()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&corev1.Service{Spec: green.Spec})
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", green.Name, err)
	}
	o := newObject("v1", "Service", blueName(green.Name, longestName))
	o.Object["spec"] = content["spec"]
	o.SetAnnotations(ownAnnotations(green.Annotations))
	inCluster(o)
	selects := map[string]string{}
	for key := range green.Spec.Selector {
		if value, ok := set[key]; ok {
			selects[key] = value
		}
	}
	return o, unstructured.SetNestedStringMap(o.Object, selects, "spec", "selector")
}

// size gives a component's workload its number of pods, and its autoscaler a floor that holds it there.
func size(all []object, part Component) error {
	kind, name := split(part.BlueWorkload)
	for _, o := range all {
		if id(o) == part.BlueWorkload {
			if err := unstructured.SetNestedField(o.Object, int64(part.Replicas), "spec", "replicas"); err != nil {
				return fmt.Errorf("%s: %w", id(o), err)
			}
		}
		if o.GetKind() != "HorizontalPodAutoscaler" || !referenced(o)[kind+"/"+name] {
			continue
		}
		spec, _ := o.Object["spec"].(map[string]any)
		for _, field := range []string{"minReplicas", "maxReplicas"} {
			spec[field] = max(whole(spec[field]), int64(part.Replicas))
		}
	}
	return nil
}

// replicasOf is how many pods a workload among all asks for.
func replicasOf(all []object, workload string) int32 {
	for _, o := range all {
		if spec, _ := o.Object["spec"].(map[string]any); id(o) == workload && spec["replicas"] != nil {
			return int32(whole(spec["replicas"]))
		}
	}
	return 1 // the API server's default
}

func whole(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

// mark gives an object, and the pods it makes, blue's labels. What selects blue's pods selects by them too, so that it
// can never select green's.
func mark(o object, marks map[string]string) error {
	places := [][]string{{"metadata", "labels"}}
	switch o.GetKind() {
	case "Deployment", "StatefulSet":
		places = append(places, []string{"spec", "template", "metadata", "labels"}, []string{"spec", "selector", "matchLabels"})
	case "PodDisruptionBudget":
		places = append(places, []string{"spec", "selector", "matchLabels"})
	case "Service":
		if _, selects, _ := unstructured.NestedMap(o.Object, "spec", "selector"); selects {
			places = append(places, []string{"spec", "selector"})
		}
	}
	for _, place := range places {
		m, err := labelsAt(o, place...)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(marks)) {
			m[key] = marks[key]
		}
	}
	return nil
}

// podNames is a regular expression that matches the names of a workload's pods, and not those of blue beside it.
func podNames(kind, name string) string {
	quoted := strings.ReplaceAll(name, ".", "[.]")
	switch {
	case kind == "StatefulSet":
		return quoted + "-[0-9]+"
	case len(name) > 46: // the API server cuts what it makes pods' names from
		return quoted + "-[a-z0-9]+"
	}
	return quoted + "-[a-z0-9]+-[a-z0-9]{5}"
}
