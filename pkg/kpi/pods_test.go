package kpi

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

const page = `# TYPE http_requests_total counter
http_requests_total{code="200"} %ok
http_requests_total{code="500"} %bad
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1"} %ok
http_request_duration_seconds_bucket{le="+Inf"} %all
http_request_duration_seconds_sum 1
http_request_duration_seconds_count %all
`

// served fills numbers into the page.
func served(ok, bad, all string) string {
	return strings.NewReplacer("%ok", ok, "%bad", bad, "%all", all).Replace(page)
}

// The built-in KPIs work with the pods' own metrics, without any Prometheus.
func TestBuiltinsFromPods(t *testing.T) {
	p := &place{pods: []corev1.Pod{pod(bluePod, nil), pod(greenPod, nil), pod("other-7d9c5b6f8-abcde", nil)},
		metrics: map[string]string{greenPod: served("900", "0", "900"), bluePod: served("10", "0", "10")}}
	client, _ := p.client(t)
	k := blueprint.KPI{Source: blueprint.FromPods, For: 1}
	errorRate, p99 := one(t, "error_rate", "< 1%", k, nil), one(t, "p99", "< 100ms", k, nil)
	source := opened(t, blueprint.FromPods, Way{Client: client, Namespace: "food-svc"}, "")
	checks, err := Narrow(t.Context(), source, []Check{{Definition: errorRate, Green: green, Blue: blue}, {Definition: p99, Green: green, Blue: blue}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if len(c.Queries) != 1 || c.Queries[0].Plane != "application, http_requests_total by code" {
			t.Fatalf("%s is read by %+v", c.Name, c.Queries)
		}
	}
	present, err := First(t.Context(), source, checks)
	if err != nil || present[0].Value != "0%" {
		t.Errorf("green's present number: %+v, %v", present, err)
	}
	s, err := NewSentinel(source, checks)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.metrics[bluePod] = served("60", "50", "110")
	source.last = map[blueprint.Source]reply{} // a moment later
	readings, err := s.Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readings {
		if r.Verdict != judge.Breached || !strings.Contains(r.Reason, "50 of 100") {
			t.Errorf("%s is %s: %s", r.Name, r.Verdict, r.Reason)
		}
	}
	for _, path := range p.seen {
		if strings.Contains(path, "/pods/other") {
			t.Errorf("a pod that no query names was asked: %s", path)
		}
	}
}

func TestPodsOfAGateway(t *testing.T) {
	gateway := func(name string) corev1.Pod {
		return pod(name, func(p *corev1.Pod) { p.Labels["app"], p.Namespace = "traefik", "edge" })
	}
	const line = `traefik_service_requests_total{code="200",service="food-svc-hms-svc-food-80@kubernetescrd"} 5` + "\n"
	p := &place{pods: []corev1.Pod{gateway("traefik-a"), gateway("traefik-b"), pod(greenPod, nil)},
		metrics: map[string]string{"traefik-a": line, "traefik-b": line}}
	client, _ := p.client(t)
	d := one(t, "error_rate", "< 1%", blueprint.KPI{Source: blueprint.FromPods, Pods: "edge/app=traefik", Port: "9100", Path: "/m"}, nil)
	source := opened(t, blueprint.FromPods, Way{Client: client, Namespace: "food-svc"}, "")
	checks, err := Narrow(t.Context(), source, []Check{{Definition: d, Green: green, Blue: blue}})
	if err != nil || len(checks[0].Queries) != 1 || checks[0].Queries[0].Plane != "traefik, TraefikService and IngressRoute" {
		t.Fatalf("%+v, %v", checks[0].Queries, err)
	}
	candidates, err := checks[0].candidates()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := source.Sample(t.Context(), candidates[0].green.total)
	if err != nil || len(answers[0].Series) != 2 || string(new(namer).of(answers[0].Series[0].Labels)) == string(new(namer).of(answers[0].Series[1].Labels)) {
		t.Errorf("the two replicas' series are %+v, %v", answers, err)
	}
	for _, path := range p.seen {
		if !strings.HasPrefix(path, "/api/v1/namespaces/edge/pods/traefik-") || !strings.HasSuffix(path, ":9100/proxy/m") {
			t.Errorf("asked %s", path)
		}
	}
}

func TestWhichPodsAreAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*corev1.Pod)
		asked  string // end of the path; "" when it isn't
	}{
		"plain": {nil, ":8080/proxy/metrics"},
		"annotations": {func(p *corev1.Pod) {
			p.Annotations = map[string]string{"prometheus.io/port": "9", "prometheus.io/path": "/x"}
		}, ":9/proxy/x"},
		"a port named for it": {func(p *corev1.Pod) {
			p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{Name: "http-metrics", ContainerPort: 9090})
		}, ":9090/proxy/metrics"},
		"over TLS": {func(p *corev1.Pod) { p.Annotations = map[string]string{"prometheus.io/scheme": "https"} }, "https:" + bluePod + ":8080/proxy/metrics"},
		"leaving": {func(p *corev1.Pod) {
			p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: time.Now()}, []string{"x"}
		}, ""},
		"not ready": {func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, ""},
		"pending":   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &place{situation: "one", pods: []corev1.Pod{pod(bluePod, tc.change)}}
			client, _ := p.client(t)
			source := opened(t, blueprint.FromPods, Way{Client: client, Namespace: "food-svc"}, "")
			answers, err := source.Sample(t.Context(), []string{`pods: queue{pod="` + bluePod + `"}`})
			if err != nil || answers[0].Err != nil {
				t.Fatalf("%+v, %v", answers, err)
			}
			if tc.asked == "" && len(p.seen) > 0 || tc.asked != "" && (len(p.seen) != 1 || !strings.HasSuffix(p.seen[0], tc.asked)) {
				t.Errorf("asked %q, want …%s", p.seen, tc.asked)
			}
		})
	}
}

func TestDefineFromPods(t *testing.T) {
	from := func(k blueprint.KPI) error {
		k.Source, k.Threshold = blueprint.FromPods, threshold(t, "< 1")
		_, err := Define(map[string]blueprint.KPI{"x": k}, nil)
		return err
	}
	for text, want := range map[string]string{
		`max(queue{pod=~"$pods"})`:                "",
		`queue{pod=~"$pods"} * 2`:                 "plain selectors alone",
		`sum(rate(queue{pod=~"$pods"}[1m]))`:      "plain selectors alone",
		`queue{s="$service"}`:                     "must name $pods",
		`histogram_quantile(.9, b{pod=~"$pods"})`: "plain selectors alone",
		`sum by (code) (queue{pod=~"$pods"})`:     "plain selectors alone",
	} {
		if err := from(blueprint.KPI{Query: text}); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	k := blueprint.KPI{Source: blueprint.FromPods, Threshold: threshold(t, "> 1")}
	if _, err := Define(map[string]blueprint.KPI{"request_rate": k}, nil); err == nil || !strings.Contains(err.Error(), "keeps no past") {
		t.Errorf("request_rate: %v", err)
	}
}
