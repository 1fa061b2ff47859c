package network

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// Asker is the pod on whose behalf a name is looked up. The zero Asker is the cluster itself: it knows no short names.
type Asker struct {
	Namespace   string
	HostAliases []corev1.HostAlias
}

// services is what resolve needs to know about the cluster.
type services interface {
	service(namespace, name string) (*corev1.Service, error) // nil when there is none
	serviceByIP(ip string) (*corev1.Service, error)          // nil when there is none
	slices(namespace, service string) ([]*discoveryv1.EndpointSlice, error)
}

// resolve turns a host and port, as asker means them, into the made-up addresses that answer for them.
func resolve(known services, asker Asker, host string, port int) ([]string, error) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, ok := alias(asker.HostAliases, host); ok {
		host = ip
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		svc, err := known.serviceByIP(ip.String())
		if err != nil {
			return nil, err
		}
		if svc == nil {
			return []string{joinHostPort(ip.String(), port)}, nil
		}
		return endpoints(known, svc, "", port)
	}
	pod, service, namespace, ok := splitName(host, asker.Namespace)
	if !ok {
		return nil, noSuchHost(host)
	}
	svc, err := known.service(namespace, service)
	if err != nil {
		return nil, err
	}
	if svc == nil {
		return nil, noSuchHost(host)
	}
	return endpoints(known, svc, pod, port)
}

func alias(aliases []corev1.HostAlias, host string) (string, bool) {
	for _, a := range aliases {
		for _, name := range a.Hostnames {
			if strings.EqualFold(name, host) {
				return a.IP, true
			}
		}
	}
	return "", false
}

// splitName reads svc, svc.ns, svc.ns.svc, svc.ns.svc.cluster.local, each but the first with a pod's hostname before it.
func splitName(host, namespace string) (pod, service, ns string, ok bool) {
	full := strings.TrimSuffix(host, ".cluster.local")
	short := strings.TrimSuffix(full, ".svc")
	if full != host && short == full {
		return "", "", "", false // cluster.local holds nothing but svc here
	}
	switch parts := strings.Split(short, "."); len(parts) {
	case 1:
		return "", parts[0], namespace, namespace != "" && short == host
	case 2:
		return "", parts[0], parts[1], true
	case 3:
		return parts[0], parts[1], parts[2], true
	}
	return "", "", "", false
}

// endpoints lists where svc's port is served: ready endpoints, or, when there are none, those that still serve while
// they end, as kube-proxy does.
func endpoints(known services, svc *corev1.Service, pod string, port int) ([]string, error) {
	headless := svc.Spec.ClusterIP == corev1.ClusterIPNone
	portName, ok := portNamed(svc, port)
	if !ok && !headless {
		return nil, fmt.Errorf("service %s/%s has no port %d: %w", svc.Namespace, svc.Name, port, syscall.ECONNREFUSED)
	}
	slices, err := known.slices(svc.Namespace, svc.Name)
	if err != nil {
		return nil, err
	}
	var ready, ending []string
	for _, slice := range slices {
		target := port // a headless Service's name leads straight to the pods, at the port that was asked for
		if !headless {
			if target, ok = slicePort(slice, portName); !ok {
				continue
			}
		}
		for _, e := range slice.Endpoints {
			if pod != "" && (e.Hostname == nil || *e.Hostname != pod) {
				continue
			}
			for _, ip := range e.Addresses {
				switch address := joinHostPort(ip, target); {
				case e.Conditions.Ready == nil || *e.Conditions.Ready:
					ready = append(ready, address)
				case e.Conditions.Serving != nil && *e.Conditions.Serving && e.Conditions.Terminating != nil && *e.Conditions.Terminating:
					ending = append(ending, address)
				}
			}
		}
	}
	if len(ready) > 0 {
		return ready, nil
	}
	if len(ending) > 0 {
		return ending, nil
	}
	return nil, fmt.Errorf("service %s/%s has no ready endpoint: %w", svc.Namespace, svc.Name, syscall.ECONNREFUSED)
}

func portNamed(svc *corev1.Service, port int) (string, bool) {
	for _, p := range svc.Spec.Ports {
		if int(p.Port) == port {
			return p.Name, true
		}
	}
	return "", false
}

func slicePort(slice *discoveryv1.EndpointSlice, name string) (int, bool) {
	for _, p := range slice.Ports {
		if p.Port == nil {
			continue
		}
		if p.Name == nil && name == "" || p.Name != nil && *p.Name == name {
			return int(*p.Port), true
		}
	}
	return 0, false
}

func noSuchHost(host string) error {
	return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func joinHostPort(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }
