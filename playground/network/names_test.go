package network

import (
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fixed is a cluster that does not change.
type fixed struct {
	svcs  []*corev1.Service
	slice []*discoveryv1.EndpointSlice
}

func (f fixed) service(namespace, name string) (*corev1.Service, error) {
	for _, s := range f.svcs {
		if s.Namespace == namespace && s.Name == name {
			return s, nil
		}
	}
	return nil, nil
}

func (f fixed) serviceByIP(ip string) (*corev1.Service, error) {
	for _, s := range f.svcs {
		if s.Spec.ClusterIP == ip {
			return s, nil
		}
	}
	return nil, nil
}

func (f fixed) slices(namespace, service string) ([]*discoveryv1.EndpointSlice, error) {
	var found []*discoveryv1.EndpointSlice
	for _, s := range f.slice {
		if s.Namespace == namespace && s.Labels[discoveryv1.LabelServiceName] == service {
			found = append(found, s)
		}
	}
	return found, nil
}

func svc(namespace, name, ip string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{ClusterIP: ip, Ports: ports}}
}

func slice(namespace, service, port string, number int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Ports:      []discoveryv1.EndpointPort{{Name: &port, Port: &number}},
		Endpoints:  endpoints,
	}
}

func endpoint(ip string, ready, serving, terminating bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating}}
}

func TestResolve(t *testing.T) {
	named := endpoint("10.244.1.9", true, true, false)
	named.Hostname = new("db-0")
	cluster := fixed{
		svcs: []*corev1.Service{
			svc("food", "api", "10.96.0.10", corev1.ServicePort{Name: "http", Port: 80}, corev1.ServicePort{Name: "admin", Port: 81}),
			svc("food", "ending", "10.96.0.11", corev1.ServicePort{Port: 80}),
			svc("food", "empty", "10.96.0.12", corev1.ServicePort{Port: 80}),
			svc("food", "db", corev1.ClusterIPNone, corev1.ServicePort{Port: 5432}),
			svc("svc", "api", "10.96.0.13", corev1.ServicePort{Port: 80}),
		},
		slice: []*discoveryv1.EndpointSlice{
			slice("food", "api", "http", 8080, endpoint("10.244.1.1", true, true, false), endpoint("10.244.1.2", false, false, false), endpoint("10.244.1.3", false, true, true)),
			slice("food", "api", "http", 8080, endpoint("10.244.1.4", true, true, false)),
			slice("food", "api", "admin", 9090, endpoint("10.244.1.5", true, true, false)),
			slice("food", "ending", "", 8080, endpoint("10.244.1.6", false, true, true), endpoint("10.244.1.7", false, false, true)),
			slice("food", "empty", "", 8080, endpoint("10.244.1.8", false, false, false)),
			slice("food", "db", "", 5432, named),
			slice("svc", "api", "", 8080, endpoint("10.244.1.10", true, true, false)),
		},
	}
	inFood := Asker{Namespace: "food", HostAliases: []corev1.HostAlias{{IP: "10.96.0.10", Hostnames: []string{"blue.food", "blue"}}, {IP: "10.244.1.5", Hostnames: []string{"api"}}}}
	for name, tc := range map[string]struct {
		asker Asker
		host  string
		port  int
		want  string // addresses, or the error's end
		is    error
	}{
		"a pod's address":                    {host: "10.244.1.2", port: 8080, want: "10.244.1.2:8080"},
		"a Service's address":                {host: "10.96.0.10", port: 80, want: "10.244.1.1:8080 10.244.1.4:8080"},
		"a Service's address, other port":    {host: "10.96.0.10", port: 81, want: "10.244.1.5:9090"},
		"a Service's address, no such port":  {host: "10.96.0.10", port: 8080, want: "no port 8080", is: syscall.ECONNREFUSED},
		"service.namespace":                  {host: "api.food", port: 80, want: "10.244.1.1:8080 10.244.1.4:8080"},
		"service.namespace.svc":              {host: "api.food.svc", port: 81, want: "10.244.1.5:9090"},
		"fully qualified, upper case":        {host: "API.food.svc.cluster.local.", port: 81, want: "10.244.1.5:9090"},
		"a namespace called svc":             {host: "api.svc.svc", port: 80, want: "10.244.1.10:8080"},
		"short name":                         {asker: Asker{Namespace: "food"}, host: "api", port: 81, want: "10.244.1.5:9090"},
		"short name, elsewhere":              {asker: Asker{Namespace: "svc"}, host: "api", port: 80, want: "10.244.1.10:8080"},
		"short name, nobody asks":            {host: "api", port: 80, want: "no such host"},
		"alias to a Service":                 {asker: inFood, host: "blue.food", port: 80, want: "10.244.1.1:8080 10.244.1.4:8080"},
		"alias, upper case":                  {asker: inFood, host: "BLUE", port: 81, want: "10.244.1.5:9090"},
		"an alias goes before a Service":     {asker: inFood, host: "api", port: 80, want: "10.244.1.5:80"},
		"alias of another pod":               {asker: Asker{Namespace: "food"}, host: "blue.food", port: 80, want: "no such host"},
		"none ready, one still serves":       {host: "ending.food", port: 80, want: "10.244.1.6:8080"},
		"none ready":                         {host: "empty.food", port: 80, want: "no ready endpoint", is: syscall.ECONNREFUSED},
		"headless":                           {host: "db.food.svc.cluster.local", port: 9999, want: "10.244.1.9:9999"},
		"headless, one pod":                  {host: "db-0.db.food.svc", port: 5432, want: "10.244.1.9:5432"},
		"headless, another pod":              {host: "db-1.db.food.svc", port: 5432, want: "no ready endpoint", is: syscall.ECONNREFUSED},
		"the world":                          {asker: inFood, host: "example.com", port: 80, want: "no such host"},
		"the world, long":                    {asker: inFood, host: "a.b.c.example.com", port: 80, want: "no such host"},
		"cluster.local without svc":          {host: "api.food.cluster.local", port: 80, want: "no such host"},
		"this machine is just another host":  {asker: inFood, host: "localhost", port: 80, want: "no such host"},
		"this machine's address is a pod's?": {asker: inFood, host: "127.0.0.1", port: 80, want: "127.0.0.1:80"}, // and nothing listens there, see TestDial
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resolve(cluster, tc.asker, tc.host, tc.port)
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) || tc.is != nil && !errors.Is(err, tc.is) {
					t.Fatalf("error %q, want %q", err, tc.want)
				}
				var dns *net.DNSError
				if tc.want == "no such host" && (!errors.As(err, &dns) || !dns.IsNotFound) {
					t.Errorf("%q is not what a resolver says", err)
				}
				return
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzSplitName(f *testing.F) {
	for _, seed := range []string{"a", "a.b", "a.b.svc", "a.b.svc.cluster.local", "x.a.b.svc", ".svc", "..", "svc.cluster.local"} {
		f.Add(seed, "ns")
	}
	f.Fuzz(func(t *testing.T, host, namespace string) {
		pod, service, ns, ok := splitName(host, namespace)
		if !ok {
			return
		}
		name := service
		if strings.Contains(strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc"), ".") {
			name += "." + ns
		} else if ns != namespace {
			t.Errorf("%q in %q is said to be in %q", host, namespace, ns)
		}
		if pod != "" {
			name = pod + "." + name
		}
		if !strings.HasPrefix(host, name) {
			t.Errorf("%q was read as %q", host, name)
		}
	})
}
