package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestScrapeAndQuery runs the real thing: a pod at a made-up address appears, is scraped, and is gone soon after it left.
func TestScrapeAndQuery(t *testing.T) {
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/custom" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "# TYPE food_payments_total counter\nfood_payments_total{result=\"success\"} 7")
	}))
	defer metrics.Close()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "gateway_requests_total 3")
	}))
	defer gateway.Close()

	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != "10.244.1.7:8080" {
			return nil, fmt.Errorf("no such host %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, metrics.Listener.Addr().String())
	}
	client := fake.NewClientset()
	s, err := newServer(client, t.TempDir(), dial, gateway.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(s.Handler())
	defer api.Close()
	if code, _ := get(t, api.URL+"/-/ready"); code != http.StatusServiceUnavailable {
		t.Errorf("ready before Run: %d", code)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	pods := client.CoreV1().Pods("food-svc")
	if _, err := pods.Create(ctx, readyPod(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"food_payments_total","app_kubernetes_io_name":"food",` +
		`"instance":"10.244.1.7:8080","job":"pods","namespace":"food-svc","pod":"food-1","result":"success"}`
	await(t, api.URL, `food_payments_total`, want)
	await(t, api.URL, `gateway_requests_total{job="gateway"}`, `,"3"]`)
	for _, path := range []string{
		"/-/ready", "/-/healthy", "/metrics", "/api/v1/labels", "/api/v1/label/pod/values", "/api/v1/targets", "/api/v1/metadata",
		"/api/v1/status/buildinfo", "/api/v1/status/runtimeinfo", "/api/v1/status/tsdb", "/api/v1/status/config", "/api/v1/status/flags",
		"/api/v1/rules", "/api/v1/alerts", "/api/v1/alertmanagers", "/api/v1/series?match[]=up",
		fmt.Sprintf("/api/v1/query_range?query=up&step=1&start=%d&end=%d", time.Now().Unix()-5, time.Now().Unix()),
	} {
		if code, body := get(t, api.URL+path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}

	if err := pods.Delete(ctx, "food-1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, api.URL, `food_payments_total`, `"result":[]`) // marked stale, sooner than the lookback
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if code, _ := get(t, api.URL+"/api/v1/query?query=up"); code != http.StatusServiceUnavailable {
		t.Errorf("query after Run: %d", code)
	}
}

func TestPodGroup(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Pod)
		want   string // the address; "" when the pod is no target
	}{
		"annotated and ready": {func(*corev1.Pod) {}, "10.244.1.7:8080"},
		"not annotated":       {func(p *corev1.Pod) { p.Annotations = nil }, ""},
		"says no":             {func(p *corev1.Pod) { p.Annotations["prometheus.io/scrape"] = "false" }, ""},
		"without address":     {func(p *corev1.Pod) { p.Status.PodIP = "" }, ""},
		"not ready":           {func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, ""},
		"no condition yet":    {func(p *corev1.Pod) { p.Status.Conditions = nil }, ""},
		"container's port": {func(p *corev1.Pod) {
			delete(p.Annotations, "prometheus.io/port")
			p.Spec.Containers = []corev1.Container{{}, {Ports: []corev1.ContainerPort{{ContainerPort: 9000}}}}
		}, "10.244.1.7:9000"},
		"no port at all": {func(p *corev1.Pod) { delete(p.Annotations, "prometheus.io/port") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod := readyPod()
			tc.change(pod)
			got := ""
			if g := podGroup(pod); g != nil {
				got = string(g.Targets[0]["__address__"])
			}
			if got != tc.want {
				t.Errorf("address %q, want %q", got, tc.want)
			}
		})
	}
}

func readyPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "food-svc", Name: "food-1",
			Labels:      map[string]string{"app.kubernetes.io/name": "food"},
			Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/custom"}},
		Status: corev1.PodStatus{PodIP: "10.244.1.7", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

// await asks until the answer holds want. Prometheus' own clock drives the scrapes, so there is nothing to wait on but its answers.
func await(t *testing.T, base, query, want string) {
	t.Helper()
	body := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, body = get(t, base+"/api/v1/query?query="+url.QueryEscape(query))
		if strings.Contains(body, want) {
			if !json.Valid([]byte(body)) {
				t.Errorf("not JSON: %s", body)
			}
			return
		}
	}
	t.Fatalf("%s: last answer %s\nwant %s", query, body, want)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
