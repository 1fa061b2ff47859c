package gateway

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// addBackends gives a rule its weighted backends. One that does not resolve keeps its share and answers 500.
func (c *compiler) addBackends(r *rule, refs []gwv1.HTTPBackendRef, prefix bool) (unresolved, no *refusal) {
	for _, ref := range refs {
		b := backend{}
		var to *redirect
		if b.filters, to, no = compileFilters(ref.Filters, prefix); no != nil {
			return nil, no
		}
		if to != nil {
			return nil, unsupported("filter RequestRedirect is not supported on a backend by this gateway")
		}
		name, endpoints, problem := c.resolve(r.route.Namespace, ref.BackendObjectReference)
		switch {
		case problem != nil:
			b.status = http.StatusInternalServerError
			if unresolved == nil {
				unresolved = problem
			}
		case len(endpoints) == 0:
			b.status = http.StatusServiceUnavailable
		default:
			b.endpoints = endpoints
		}
		weight := uint64(1)
		if ref.Weight != nil {
			weight = uint64(max(*ref.Weight, 0))
		}
		if weight == 0 {
			continue // its reference counts for ResolvedRefs, but no request may reach it
		}
		r.total += weight
		b.upTo = r.total
		b.series = c.seriesOf(r.route, name)
		r.backends = append(r.backends, b)
	}
	return unresolved, nil
}

// resolve finds the addresses that serve a backend reference made from a namespace.
func (c *compiler) resolve(from string, ref gwv1.BackendObjectReference) (types.NamespacedName, []string, *refusal) {
	name := types.NamespacedName{Namespace: from, Name: string(ref.Name)}
	if ref.Namespace != nil {
		name.Namespace = string(*ref.Namespace)
	}
	if text(ref.Group) != "" || ref.Kind != nil && *ref.Kind != "Service" {
		return name, nil, &refusal{gwv1.RouteReasonInvalidKind, fmt.Sprintf("backend %s is a %s, not a Service", name, text(ref.Kind))}
	}
	if name.Namespace != from && !c.granted(from, name) {
		return name, nil, &refusal{gwv1.RouteReasonRefNotPermitted,
			fmt.Sprintf("no ReferenceGrant in namespace %s lets HTTPRoutes of %s refer to service %s", name.Namespace, from, name.Name)}
	}
	svc := c.services[name]
	if svc == nil {
		return name, nil, &refusal{gwv1.RouteReasonBackendNotFound, fmt.Sprintf("service %s does not exist", name)}
	}
	port := servicePort(svc, ref.Port)
	if port == nil {
		return name, nil, &refusal{gwv1.RouteReasonBackendNotFound, fmt.Sprintf("service %s has no such port", name)}
	}
	if p := text(port.AppProtocol); p != "" && p != "http" && p != "kubernetes.io/ws" {
		return name, nil, &refusal{gwv1.RouteReasonUnsupportedProtocol, fmt.Sprintf("service %s speaks %s", name, p)}
	}
	return name, serving(c.slices[name], port.Name), nil
}

func (c *compiler) granted(from string, to types.NamespacedName) bool {
	for _, g := range c.grants {
		if g.Namespace == to.Namespace &&
			slices.ContainsFunc(g.Spec.From, func(f gwv1.ReferenceGrantFrom) bool {
				return f.Group == gwv1.GroupName && f.Kind == "HTTPRoute" && string(f.Namespace) == from
			}) &&
			slices.ContainsFunc(g.Spec.To, func(t gwv1.ReferenceGrantTo) bool {
				return t.Group == "" && t.Kind == "Service" && (t.Name == nil || string(*t.Name) == to.Name)
			}) {
			return true
		}
	}
	return false
}

func servicePort(svc *corev1.Service, number *gwv1.PortNumber) *corev1.ServicePort {
	for i, p := range svc.Spec.Ports {
		if number != nil && p.Port == int32(*number) {
			return &svc.Spec.Ports[i]
		}
	}
	return nil
}

// serving is the addresses that take requests for a Service's port: those that are ready or, when there are none,
// those that still serve while they terminate.
func serving(all []*discoveryv1.EndpointSlice, port string) []string {
	var ready, terminating []string
	for _, s := range all {
		number := slicePort(s, port)
		if number == "" || s.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for _, e := range s.Endpoints {
			if len(e.Addresses) == 0 {
				continue
			}
			addr := net.JoinHostPort(e.Addresses[0], number)
			switch c := e.Conditions; {
			case c.Ready == nil || *c.Ready:
				ready = append(ready, addr)
			case c.Serving != nil && *c.Serving && c.Terminating != nil && *c.Terminating:
				terminating = append(terminating, addr)
			}
		}
	}
	if len(ready) == 0 {
		ready = terminating
	}
	slices.Sort(ready)
	return slices.Compact(ready) // an endpoint may be in two slices for a moment
}

func slicePort(s *discoveryv1.EndpointSlice, name string) string {
	for _, p := range s.Ports {
		if p.Port != nil && text(p.Name) == name {
			return strconv.Itoa(int(*p.Port))
		}
	}
	return ""
}

func labelSet(m map[string]string) labels.Set { return m }
