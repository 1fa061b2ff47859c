package slot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// VerifyIsolated waits until blue's own Services lead to blue's pods, and checks that no other Service does.
func (s *Slots) VerifyIsolated(ctx context.Context, components []Component) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	chosen := metav1.ListOptions{LabelSelector: labels.Set(s.marks("blue")).String()}
	pods, err := s.client.CoreV1().Pods(s.namespace).List(ctx, chosen)
	if err != nil {
		return fmt.Errorf("list blue's pods in %s: %w", s.namespace, err)
	}
	services, err := s.client.CoreV1().Services(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list services in %s: %w", s.namespace, err)
	}
	own := map[string]bool{}
	for _, service := range services.Items {
		own[service.Name] = subset(s.marks("blue"), service.Labels)
	}
	if err := selected(services.Items, pods.Items, own); err != nil {
		return err
	}
	// The endpoints of blue's own Services come from the same controller: once it has seen blue's pods, it has seen
	// them for all Services.
	slices, err := s.served(ctx, components)
	if err != nil {
		return err
	}
	return reached(slices, pods.Items, own)
}

// selected finds a Service that is not blue's own and selects one of its pods.
func selected(services []corev1.Service, pods []corev1.Pod, own map[string]bool) error {
	for _, service := range services {
		for _, pod := range pods {
			s := selector{service.Name, labels.SelectorFromSet(service.Spec.Selector)}
			if !own[service.Name] && s.matches(pod.Labels) {
				return fmt.Errorf("service %s/%s selects blue's pod %s by %s: it would get traffic before the first phase",
					pod.Namespace, service.Name, pod.Name, s.String())
			}
		}
	}
	return nil
}

// reached finds endpoints that lead to one of blue's pods and are not of its own Services.
func reached(all []discoveryv1.EndpointSlice, pods []corev1.Pod, own map[string]bool) error {
	for _, slice := range all {
		service := slice.Labels[discoveryv1.LabelServiceName]
		if own[service] {
			continue
		}
		for _, e := range slice.Endpoints {
			for _, pod := range pods {
				named := e.TargetRef != nil && e.TargetRef.Kind == "Pod" && e.TargetRef.Name == pod.Name
				addressed := pod.Status.PodIP != "" && !pod.Spec.HostNetwork && slices.Contains(e.Addresses, pod.Status.PodIP)
				if named || addressed {
					return fmt.Errorf("endpointslice %s/%s of service %s leads to blue's pod %s: it would get traffic before the first phase",
						slice.Namespace, slice.Name, service, pod.Name)
				}
			}
		}
	}
	return nil
}

// served waits until each of blue's Services has a ready endpoint, and returns all EndpointSlices of the namespace.
func (s *Slots) served(ctx context.Context, components []Component) ([]discoveryv1.EndpointSlice, error) {
	all, missing, err := s.follow(ctx, func(all []discoveryv1.EndpointSlice) ([]string, error) {
		return unserved(all, components), nil
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("service %s gets no endpoints: %w\n  does its port lead to one the container listens on?",
			strings.Join(missing, ", "), err)
	}
	return all, err
}

// follow watches the namespace's EndpointSlices until none of the Services that look names is left wanting. When ctx
// ends before, it returns them with the cause.
func (s *Slots) follow(ctx context.Context, look func([]discoveryv1.EndpointSlice) ([]string, error)) ([]discoveryv1.EndpointSlice, []string, error) {
	endpoints := s.client.DiscoveryV1().EndpointSlices(s.namespace)
	for {
		all, err := endpoints.List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, nil, fmt.Errorf("list endpointslices in %s: %w", s.namespace, ended(ctx, err))
		}
		wanting, err := look(all.Items)
		if err != nil || len(wanting) == 0 {
			return all.Items, nil, err
		}
		w, err := endpoints.Watch(ctx, metav1.ListOptions{ResourceVersion: all.ResourceVersion})
		if err != nil {
			return nil, nil, fmt.Errorf("watch endpointslices in %s: %w", s.namespace, ended(ctx, err))
		}
		if err := turn(ctx, w); err != nil {
			return nil, wanting, err
		}
	}
}

// unserved are blue's Services without a ready endpoint.
func unserved(all []discoveryv1.EndpointSlice, components []Component) []string {
	var missing []string
	for _, c := range components {
		served := c.BlueService == "" || c.Replicas == 0
		for _, slice := range all {
			if slice.Labels[discoveryv1.LabelServiceName] != c.BlueService {
				continue
			}
			for _, e := range slice.Endpoints {
				served = served || e.Conditions.Ready == nil || *e.Conditions.Ready
			}
		}
		if !served {
			missing = append(missing, c.BlueService)
		}
	}
	return missing
}

// Hosts says where the slots of the components answer. A Service that is not there is left out.
func (s *Slots) Hosts(ctx context.Context, components []Component) ([]Endpoint, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	services, err := s.client.CoreV1().Services(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list services in %s: %w", s.namespace, err)
	}
	var all []Endpoint
	for _, c := range components {
		for _, place := range []struct{ slot, service string }{{"blue", c.BlueService}, {"green", c.GreenService}} {
			i := slices.IndexFunc(services.Items, func(o corev1.Service) bool { return o.Name == place.service })
			if i < 0 {
				continue
			}
			e := Endpoint{Slot: place.slot, Component: c.Name, Service: place.service}
			spec := services.Items[i].Spec
			if spec.ClusterIP != corev1.ClusterIPNone {
				e.ClusterIP = spec.ClusterIP
			}
			if len(spec.Ports) > 0 {
				e.Port = webPort(spec.Ports).Port
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// webPort is the port that a browser would take: the one that says http, else the first.
func webPort(ports []corev1.ServicePort) corev1.ServicePort {
	for _, p := range ports {
		http := p.AppProtocol != nil && *p.AppProtocol == "http"
		if p.Name == "http" || p.Name == "web" || http || p.Port == 80 {
			return p
		}
	}
	return ports[0]
}
