package kpi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// usual are the names Prometheus's Service has where the usual charts installed it, the likeliest first.
func usual() (names, namespaces []string) {
	return []string{"prometheus-operated", "prometheus-k8s", "prometheus-server", "prometheus",
			"kube-prometheus-stack-prometheus", "prometheus-kube-prometheus-prometheus"},
		[]string{"monitoring", "prometheus", "observability", "default"}
}

const howToName = "name it: --prometheus https://HOST or --prometheus NAMESPACE/SERVICE:PORT"

// FindPrometheus finds the Prometheus to ask and says in words where it is. Configured is a URL, namespace/service:port
// (reached through the API server's service proxy), or empty: then the usual Services are looked for, and the first that
// answers is taken. Through carries the requests to a URL; of the way through the API server it adds the headers only.
func FindPrometheus(ctx context.Context, client kubernetes.Interface, configured string, through *http.Client) (Source, string, error) {
	switch m := address.FindStringSubmatch(configured); {
	case configured == "":
		return search(ctx, client, through)
	case strings.HasPrefix(configured, "http://"), strings.HasPrefix(configured, "https://"):
		p, err := NewPrometheus(configured, through)
		if err != nil {
			return nil, "", err
		}
		return p, configured, p.answers(ctx, configured)
	case m != nil:
		return proxied(ctx, client, m[1], m[2], m[3], through)
	}
	return nil, "", fmt.Errorf("%q is not a place of prometheus: %s", configured, howToName)
}

// Inside is where a configured Prometheus is found by a process in the cluster, which needs no proxy.
func Inside(configured string) string {
	if m := address.FindStringSubmatch(configured); m != nil {
		return fmt.Sprintf("http://%s.%s.svc:%s", m[2], m[1], m[3])
	}
	return configured
}

var address = regexp.MustCompile(`^([a-z0-9-]+)/([a-z0-9.-]+):([a-z0-9-]+)$`)

// proxied is a Prometheus behind a Service, reached through the API server.
func proxied(ctx context.Context, client kubernetes.Interface, namespace, service, port string, extra *http.Client) (Source, string, error) {
	where := fmt.Sprintf("service %s/%s:%s", namespace, service, port)
	api, ok := client.CoreV1().RESTClient().(*rest.RESTClient)
	if !ok || api == nil {
		return nil, "", fmt.Errorf("prometheus at %s: this client has no way to the API server's proxy", where)
	}
	u := api.Get().AbsPath("/api/v1/namespaces", namespace, "services", service+":"+port, "proxy").URL()
	through := http.Client{Transport: http.DefaultTransport}
	if api.Client != nil {
		through = *api.Client
	}
	through.Transport = apiServer{through.Transport}
	if extra != nil {
		if d, ok := extra.Transport.(dressed); ok {
			through.Transport = dressed{d.headers, through.Transport}
		}
	}
	p, err := NewPrometheus(u.String(), &through)
	if err != nil {
		return nil, "", err
	}
	return p, where, p.answers(ctx, where)
}

// answers tries whether there is a Prometheus.
func (p *Prometheus) answers(ctx context.Context, where string) error {
	if _, err := p.Sample(ctx, []string{"vector(1)"}); err != nil {
		return fmt.Errorf("prometheus at %s: %w", where, err)
	}
	return nil
}

// search takes the first of the usual Services that answers.
func search(ctx context.Context, client kubernetes.Interface, through *http.Client) (Source, string, error) {
	services, err := candidateServices(ctx, client)
	if err != nil {
		return nil, "", err
	}
	var problems []error
	for _, s := range services {
		source, where, err := proxied(ctx, client, s.Namespace, s.Name, port(s), through)
		if err == nil {
			return source, where, nil
		}
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, "", fmt.Errorf("no prometheus answers\n  %s\n%w", howToName, errors.Join(problems...))
	}
	names, _ := usual()
	return nil, "", fmt.Errorf("no prometheus found: no service has the label app.kubernetes.io/name=prometheus or is named %s\n  %s",
		strings.Join(names, ", "), howToName)
}

// candidateServices lists the Services that may be Prometheus's, the likeliest first. Who may not list Services in all
// namespaces gets those of the usual names.
func candidateServices(ctx context.Context, client kubernetes.Interface) ([]corev1.Service, error) {
	names, namespaces := usual()
	rank := func(s corev1.Service) int {
		if i := slices.Index(names, s.Name); i >= 0 {
			return i
		}
		return len(names)
	}
	all, err := client.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return wellKnown(ctx, client, names, namespaces)
	case err != nil:
		return nil, fmt.Errorf("list services to find prometheus: %w", err)
	}
	found := slices.DeleteFunc(all.Items, func(s corev1.Service) bool {
		named := slices.Contains(names, s.Name) || s.Labels["app.kubernetes.io/name"] == "prometheus"
		return !named || s.Spec.Type == corev1.ServiceTypeExternalName || len(s.Spec.Ports) == 0
	})
	slices.SortStableFunc(found, func(a, b corev1.Service) int { return rank(a) - rank(b) })
	return found, nil
}

// wellKnown gets the Services of these names that exist and may be read.
func wellKnown(ctx context.Context, client kubernetes.Interface, names, namespaces []string) ([]corev1.Service, error) {
	var found []corev1.Service
	for _, namespace := range namespaces {
		for _, name := range names {
			s, err := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
			switch {
			case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
			case err != nil:
				return nil, fmt.Errorf("get service %s/%s to find prometheus: %w", namespace, name, err)
			case len(s.Spec.Ports) > 0:
				found = append(found, *s)
			}
		}
	}
	return found, nil
}

// port is the one Prometheus's API is on.
func port(s corev1.Service) string {
	for _, p := range s.Spec.Ports {
		if p.Port == 9090 || p.Name == "web" || p.Name == "http-web" {
			return fmt.Sprint(p.Port)
		}
	}
	return fmt.Sprint(s.Spec.Ports[0].Port)
}
