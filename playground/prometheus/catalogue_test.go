package prometheus

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// exposed is what a data plane exposes for one slot, as its documentation shows it: written here by hand, so that the
// plugin's catalogue is held against something else than itself.
type exposed struct {
	requests   string            // metric of the counter
	ok, failed string            // labels of answers; or, before a {, another metric
	buckets    string            // metric of the histogram
	bounds     [3]string         // 100 ms, 300 ms and the end, as le has them
	more       string            // labels of both
	slots      map[string]string // labels by slot; other is another application's
}

var (
	seconds      = [3]string{"0.1", "0.3", "+Inf"}
	milliseconds = [3]string{"100", "300", "+Inf"}
	pods         = map[string]string{
		"green": `namespace="food-svc",pod="food-7d9c5b6f8-abcde"`, "blue": `namespace="food-svc",pod="food-blue-5c8d7f9b4-fghij"`,
		"other": `namespace="food-svc",pod="food-delivery-7d9c5b6f8-abcde"`,
	}
	addresses = map[string]string{"green": "10.0.0.1", "blue": "10.0.0.2", "other": "10.0.0.3"}
)

// named fills the slots' Services into a label's form.
func named(form string) map[string]string {
	return map[string]string{"green": strings.ReplaceAll(form, "SVC", "food"), "blue": strings.ReplaceAll(form, "SVC", "food-blue"),
		"other": strings.ReplaceAll(form, "SVC", "food-delivery")}
}

func planes() map[string]exposed {
	traefik := exposed{requests: "traefik_service_requests_total", ok: `code="200"`, failed: `code="503"`,
		buckets: "traefik_service_request_duration_seconds_bucket", bounds: seconds, more: `method="GET",protocol="http"`}
	istio := exposed{requests: "istio_requests_total", ok: `response_code="200"`, failed: `response_code="500"`,
		buckets: "istio_request_duration_milliseconds_bucket", bounds: milliseconds}
	haproxy := exposed{requests: "haproxy_backend_http_responses_total", ok: `code="2xx"`, failed: `code="5xx"`}
	app := exposed{requests: "http_requests_total", buckets: "http_request_duration_seconds_bucket", bounds: seconds, slots: pods}
	otel := exposed{requests: "http_server_request_duration_seconds_count", ok: `http_response_status_code="200"`, failed: `http_response_status_code="500"`,
		buckets: "http_server_request_duration_seconds_bucket", bounds: seconds, slots: pods}
	with := func(e exposed, change func(*exposed)) exposed { change(&e); return e }
	return map[string]exposed{
		"playground gateway": {requests: "gateway_requests_total", ok: `code="200"`, failed: `code="500"`, buckets: "gateway_request_duration_seconds_bucket",
			bounds: seconds, slots: named(`namespace="food-svc",route="food",backend="SVC"`)},
		"traefik, gateway api": with(traefik, func(e *exposed) {
			e.slots = named(`service="httproute-food-svc-food-gw-infra-edge-ep-web-0-1a2b3c4d-svc-food-svc-SVC-0@kubernetesgateway"`)
		}),
		"traefik, TraefikService and IngressRoute": with(traefik, func(e *exposed) { e.slots = named(`service="food-svc-SVC-80@kubernetescrd"`) }),
		"traefik, Ingress":                         with(traefik, func(e *exposed) { e.slots = named(`service="food-svc-SVC-http@kubernetes"`) }),
		"ingress-nginx": {requests: "nginx_ingress_controller_requests", ok: `status="200"`, failed: `status="502"`,
			buckets: "nginx_ingress_controller_request_duration_seconds_bucket", bounds: seconds, more: `ingress="food",path="/"`,
			slots: map[string]string{"green": `namespace="food-svc",service="food",canary=""`, "blue": `namespace="food-svc",service="food",canary="food-svc-food-blue-80"`,
				"other": `namespace="food-svc",service="food-delivery",canary=""`}},
		"envoy gateway": {requests: "envoy_cluster_endpoint_rq_total", ok: "envoy_cluster_endpoint_rq_success{", failed: "envoy_cluster_endpoint_rq_error{",
			more:  `envoy_cluster_name="httproute/food-svc/food/rule/0"`,
			slots: map[string]string{"green": `envoy_endpoint_address="10.0.0.1:8080"`, "blue": `envoy_endpoint_address="10.0.0.2:8080"`, "other": `envoy_endpoint_address="10.0.0.3:8080"`}},
		"contour": {requests: "envoy_cluster_upstream_rq_xx", ok: `envoy_response_code_class="2"`, failed: `envoy_response_code_class="5"`,
			buckets: "envoy_cluster_upstream_rq_time_bucket", bounds: milliseconds, slots: named(`envoy_cluster_name="food-svc_SVC_80"`)},
		"haproxy kubernetes ingress": with(haproxy, func(e *exposed) { e.slots = named(`proxy="food-svc_svc_SVC_http"`) }),
		"haproxy-ingress":            with(haproxy, func(e *exposed) { e.slots = named(`proxy="food-svc_SVC_8080"`) }),
		"kong, Ingress": {requests: "kong_http_requests_total", ok: `code="200"`, failed: `code="500"`, buckets: "kong_request_latency_ms_bucket", bounds: milliseconds,
			more: `route="food-svc.food.00"`, slots: named(`service="food-svc.SVC.pnum-80"`)},
		"apisix": {requests: "apisix_http_status", ok: `code="200"`, failed: `code="500"`, buckets: "apisix_http_latency_bucket", bounds: milliseconds,
			more: `type="request",route="1"`, slots: map[string]string{"green": `node="10.0.0.1"`, "blue": `node="10.0.0.2"`, "other": `node="10.0.0.3"`}},
		"nginx gateway fabric": {requests: "nginx_http_upstream_peer_responses_total", ok: `nginx_status_range="2xx"`, failed: `nginx_status_range="5xx"`,
			slots: named(`nginx_upstream_name="food-svc_SVC_80"`)},
		"istio, sidecar": with(istio, func(e *exposed) {
			e.more, e.slots = `reporter="destination"`, named(`destination_workload_namespace="food-svc",destination_workload="SVC"`)
		}),
		"istio, waypoint": with(istio, func(e *exposed) {
			e.more, e.slots = `reporter="waypoint"`, named(`destination_workload_namespace="food-svc",destination_workload="SVC"`)
		}),
		"istio, gateway": with(istio, func(e *exposed) {
			e.more, e.slots = `reporter="source"`, named(`destination_service_namespace="food-svc",destination_service_name="SVC"`)
		}),
		"linkerd": {requests: "response_total", ok: `classification="success"`, failed: `classification="failure"`, buckets: "response_latency_ms_bucket",
			bounds: milliseconds, more: `direction="inbound"`, slots: pods},
		"application, http_requests_total by code":        with(app, func(e *exposed) { e.ok, e.failed = `code="200"`, `code="500"` }),
		"application, http_requests_total by status":      with(app, func(e *exposed) { e.ok, e.failed = `status="200"`, `status="500"` }),
		"application, http_requests_total by status_code": with(app, func(e *exposed) { e.ok, e.failed = `status_code="200"`, `status_code="500"` }),
		"application, opentelemetry":                      otel,
		"application, opentelemetry sent to prometheus": with(otel, func(e *exposed) {
			e.slots = map[string]string{}
			for slot, labels := range pods {
				e.slots[slot] = strings.NewReplacer("namespace=", "k8s_namespace_name=", "pod=", "k8s_pod_name=").Replace(labels)
			}
		}),
	}
}

// load writes series: of ten requests of green in 5 s one fails, of twenty of blue eight; the other application's do all.
// Half are faster than 100 ms; of green nine in ten are faster than 300 ms, of blue six.
func (e exposed) load(renamed bool) string {
	var out strings.Builder
	out.WriteString("load 5s\n")
	join := func(labels ...string) string {
		var all []string
		for _, l := range labels {
			if l != "" {
				all = append(all, l)
			}
		}
		text := strings.Join(all, ",")
		if renamed {
			for _, name := range []string{"namespace", "service", "pod"} {
				text = strings.ReplaceAll(","+text, ","+name+`="`, ",exported_"+name+`="`)[1:]
			}
		}
		return text
	}
	for slot, n := range map[string][2]int{"green": {9, 1}, "blue": {12, 8}, "other": {0, 100}} {
		labels := join(e.more, e.slots[slot])
		for i, kind := range []string{e.ok, e.failed} {
			if metric, own := strings.CutSuffix(kind, "{"); own {
				fmt.Fprintf(&out, "  %s{%s} 0+%dx20\n", metric, labels, n[i])
				continue
			}
			fmt.Fprintf(&out, "  %s{%s} 0+%dx20\n", e.requests, join(labels, kind), n[i])
		}
		if strings.HasSuffix(e.ok, "{") {
			fmt.Fprintf(&out, "  %s{%s} 0+%dx20\n", e.requests, labels, n[0]+n[1])
		}
		for i, le := range e.bounds {
			if e.buckets != "" {
				fmt.Fprintf(&out, "  %s{%s} 0+%dx20\n", e.buckets, join(labels, `le="`+le+`"`), []int{n[0] / 2, n[0], n[0] + n[1]}[i])
			}
		}
		fmt.Fprintf(&out, "  kube_pod_info{%s,pod_ip=%q,node=\"worker\"} 1+0x20\n", pods[slot], addresses[slot])
	}
	return out.String()
}

// TestCatalogue sends what the plugin would send to a real engine, over series as each data plane exposes them.
func TestCatalogue(t *testing.T) {
	text, err := os.ReadFile("../../pkg/kpi/testdata/queries.json")
	if err != nil {
		t.Fatal(err)
	}
	var queries []struct {
		Plane, KPI, Slot, Hits, Buckets, Value string
		Total                                  []string
		Units                                  float64
	}
	if err := json.Unmarshal(text, &queries); err != nil {
		t.Fatal(err)
	}
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	const exported = ", exported labels"
	want := map[string]float64{"error_rate green": .1, "error_rate blue": .4, "success_rate green": .9, "success_rate blue": .6,
		"request_rate green": 2, "request_rate blue": 4, "p99 green": .9, "p99 blue": .6}
	tried := map[string]bool{}
	for _, q := range queries {
		name, renamed := strings.CutSuffix(q.Plane, exported)
		e, known := planes()[name]
		if !known {
			t.Errorf("no series are written down for %s", q.Plane)
			continue
		}
		tried[name] = true
		storage := promqltest.LoadedStorage(t, e.load(renamed))
		ask := func(query string, only func(map[string]string) bool) float64 {
			found, err := engine.NewInstantQuery(t.Context(), storage, nil, query, time.Unix(90, 0))
			if err != nil {
				t.Fatalf("%s: %s: %v", q.Plane, query, err)
			}
			defer found.Close()
			vector, err := found.Exec(t.Context()).Vector()
			if err != nil {
				t.Fatalf("%s: %s: %v", q.Plane, query, err)
			}
			return sum(vector, only)
		}
		var got float64
		switch {
		case q.Hits != "":
			got = ask(q.Hits, nil) / ask(q.Total[0], nil)
		case q.Buckets != "":
			at := func(bound string) func(map[string]string) bool {
				return func(labels map[string]string) bool {
					var le float64
					_, err := fmt.Sscan(labels["le"], &le)
					return labels["le"] == bound || err == nil && fmt.Sprint(le/q.Units) == bound
				}
			}
			got = ask(q.Buckets, at("0.3")) / ask(q.Buckets, at("+Inf"))
		default:
			got = ask(q.Value, nil)
		}
		if w := want[q.KPI+" "+q.Slot]; math.Abs(got-w) > 1e-9 {
			t.Errorf("%s: %s of %s is %v, want %v", q.Plane, q.KPI, q.Slot, got, w)
		}
		if err := storage.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name := range planes() {
		if !tried[name] {
			t.Errorf("the catalogue has no %s any more", name)
		}
	}
}

func sum(vector promql.Vector, only func(map[string]string) bool) float64 {
	out := 0.0
	for _, s := range vector {
		if only == nil || only(s.Metric.Map()) {
			out += s.F
		}
	}
	return out
}
