package kpi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// cluster is as much of an API server as the search for Prometheus needs.
type cluster struct {
	services  []corev1.Service
	noList    bool
	noPost    bool
	answering map[string]bool // namespace/service:port behind the proxy
	paths     []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.paths = append(c.paths, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	refuse := func(err *apierrors.StatusError) {
		err.ErrStatus.Kind, err.ErrStatus.APIVersion = "Status", "v1"
		w.WriteHeader(int(err.ErrStatus.Code))
		_ = json.NewEncoder(w).Encode(err.ErrStatus)
	}
	resource := schema.GroupResource{Resource: "services"}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/")
	switch {
	case len(parts) == 1:
		if c.noList {
			refuse(apierrors.NewForbidden(resource, "", nil))
			return
		}
		list := corev1.ServiceList{TypeMeta: metav1.TypeMeta{Kind: "ServiceList", APIVersion: "v1"}, Items: c.services}
		_ = json.NewEncoder(w).Encode(list)
	case strings.Contains(r.URL.Path, "/proxy/"):
		if c.noPost && r.Method == http.MethodPost {
			refuse(apierrors.NewForbidden(resource, parts[3], nil))
			return
		}
		if !c.answering[parts[1]+"/"+parts[3]] {
			refuse(apierrors.NewServiceUnavailable("no endpoints available for service " + parts[3]))
			return
		}
		_, _ = w.Write([]byte(vector(map[string]string{"dro_query": "0", "": "1"})))
	default:
		for _, s := range c.services {
			if s.Namespace == parts[1] && s.Name == parts[3] {
				s.Kind, s.APIVersion = "Service", "v1"
				_ = json.NewEncoder(w).Encode(s)
				return
			}
		}
		refuse(apierrors.NewNotFound(resource, parts[3]))
	}
}

func (c *cluster) client(t *testing.T) kubernetes.Interface {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, QPS: 1000, Burst: 1000,
		ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func service(namespace, name string, labels map[string]string, ports ...corev1.ServicePort) corev1.Service {
	return corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}, Spec: corev1.ServiceSpec{Ports: ports}}
}

func TestFindPrometheus(t *testing.T) {
	labelled := map[string]string{"app.kubernetes.io/name": "prometheus"}
	grpc, web := corev1.ServicePort{Name: "grpc", Port: 10901}, corev1.ServicePort{Name: "web", Port: 9090}
	for name, tc := range map[string]struct {
		cluster    cluster
		configured string
		where      string
		err        string
	}{
		"by name": {cluster{services: []corev1.Service{service("shop", "cart", nil, web), service("monitoring", "prometheus-server", nil, corev1.ServicePort{Port: 80})},
			answering: map[string]bool{"monitoring/prometheus-server:80": true}}, "", "service monitoring/prometheus-server:80", ""},
		"by label": {cluster{services: []corev1.Service{service("obs", "metrics", labelled, grpc, web)},
			answering: map[string]bool{"obs/metrics:9090": true}}, "", "service obs/metrics:9090", ""},
		"the likeliest that answers": {cluster{services: []corev1.Service{service("a", "own", labelled, web), service("b", "prometheus", nil, web), service("c", "prometheus-operated", nil, web)},
			answering: map[string]bool{"a/own:9090": true, "b/prometheus:9090": true}}, "", "service b/prometheus:9090", ""},
		"without the right to list": {cluster{noList: true, services: []corev1.Service{service("monitoring", "prometheus", nil, web)},
			answering: map[string]bool{"monitoring/prometheus:9090": true}}, "", "service monitoring/prometheus:9090", ""},
		"without the right to create": {cluster{noPost: true, answering: map[string]bool{"x/y:web": true}}, "x/y:web", "service x/y:web", ""},
		"none there":                  {cluster{services: []corev1.Service{service("shop", "cart", nil, web)}}, "", "", "no prometheus found"},
		"none answers": {cluster{services: []corev1.Service{service("monitoring", "prometheus", nil, web)}}, "", "",
			"prometheus at service monitoring/prometheus:9090: ask prometheus"},
		"the named one is silent": {cluster{}, "x/y:9090", "", "no endpoints available for service y:9090"},
		"nonsense":                {cluster{}, "prometheus:9090", "", "name it: --prometheus"},
	} {
		t.Run(name, func(t *testing.T) {
			source, where, err := FindPrometheus(t.Context(), tc.cluster.client(t), tc.configured, nil)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%v\nwant %s", err, tc.err)
				}
				if name != "the named one is silent" && !strings.Contains(err.Error(), "--prometheus") {
					t.Errorf("it doesn't say what to do: %v", err)
				}
				return
			}
			if err != nil || where != tc.where || source == nil {
				t.Errorf("%q, %v, want %q; asked %q", where, err, tc.where, tc.cluster.paths)
			}
		})
	}
}

func TestFindPrometheusByURL(t *testing.T) {
	server := httptest.NewServer(&oracle{answer: func(string) (int, string) { return 200, vector(map[string]string{"dro_query": "0", "": "1"}) }})
	defer server.Close()
	source, where, err := FindPrometheus(t.Context(), (&cluster{}).client(t), server.URL, nil)
	if err != nil || where != server.URL || source == nil {
		t.Errorf("%v, %q, %v", source, where, err)
	}
	server.Close()
	if _, _, err := FindPrometheus(t.Context(), (&cluster{}).client(t), server.URL, nil); err == nil || !strings.Contains(err.Error(), "prometheus at "+server.URL) {
		t.Errorf("%v", err)
	}
}
