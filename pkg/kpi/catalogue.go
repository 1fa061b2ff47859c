package kpi

//go:generate go test -run TestQueriesAreCurrent|TestCatalogueIsDocumented . -update

// plane is a data plane's row: its metrics, and how they tell status and slot. An application that counts for itself
// is one as well.
type plane struct {
	name     string
	requests string // counter of answered requests
	status   string // label with the answer's status; __name__ where each kind of answer has its own metric
	failed   string // regular expression of the status of answers that are the server's fault
	served   string // the same of all other answers
	buckets  string // histogram of durations; empty: it has none
	unit     string // of the histogram's bounds: s or ms
	only     string // matchers for both slots, such as who reports
	counted  string // more matchers for the counter, where another row has the same one
	timed    string // more matchers for the histogram
	slot     string // matchers that name a slot
	blue     string // the same for blue, where it is named in another way; empty: as slot
	joined   string // where only a pod's address tells the slot: the expression around a selector %s
	clashes  bool   // scraping renames its labels namespace, service and pod to exported_… unless they are honoured
	needs    string // what has to be switched on, or what it can't tell
	source   string // the documentation it follows
}

const (
	by5xx    = "5.."
	below500 = "[1-4].."
	byPod    = `namespace="$namespace",pod=~"$pods"`
	podInfo  = `kube_pod_info{namespace="$namespace",pod=~"$pods"}`
)

// catalogue are the data planes the built-in KPIs know, in the order they are tried: gateways, which see what users
// see, before meshes, and those before the applications' own metrics.
//
// $ in a pattern of Service names stands for a name, which may hold hyphens. So where a hyphen also parts a name from a
// port, the port may not hold one: "food-80" is food's and "food-blue-80" is not.
func catalogue() []plane { //nolint:funlen // a table
	return []plane{
		{
			name: "playground gateway", requests: "gateway_requests_total", status: "code", failed: by5xx, served: below500,
			buckets: "gateway_request_duration_seconds_bucket", unit: "s",
			slot:   `namespace="$namespace",backend="$service"`,
			source: "playground/gateway/metrics.go",
		},
		{
			name: "traefik, gateway api", requests: "traefik_service_requests_total", status: "code", failed: by5xx, served: below500,
			buckets: "traefik_service_request_duration_seconds_bucket", unit: "s",
			// httproute-<route's ns>-<route>-gw-<…>-<hash>-svc-<ns>-<service>-<index>
			slot:    `service=~"httproute-.+-svc-$namespace-$service-[0-9]+@kubernetesgateway"`,
			clashes: true,
			needs:   "metrics.prometheus.addServicesLabels, which is its default",
			source:  "https://doc.traefik.io/traefik/observability/metrics/overview/",
		},
		{
			name: "traefik, TraefikService and IngressRoute", requests: "traefik_service_requests_total", status: "code", failed: by5xx, served: below500,
			buckets: "traefik_service_request_duration_seconds_bucket", unit: "s",
			slot:    `service=~"$namespace-$service-[a-z0-9]+@kubernetescrd"`,
			clashes: true,
			needs:   "several services in the route (one alone goes by the route's name), and a port without hyphens",
			source:  "https://github.com/traefik/traefik/blob/master/pkg/provider/kubernetes/crd/kubernetes_http.go",
		},
		{
			name: "traefik, Ingress", requests: "traefik_service_requests_total", status: "code", failed: by5xx, served: below500,
			buckets: "traefik_service_request_duration_seconds_bucket", unit: "s",
			slot:    `service=~"$namespace-$service-[a-z0-9]+@kubernetes"`,
			clashes: true,
			needs:   "a port without hyphens",
			source:  "https://github.com/traefik/traefik/blob/master/pkg/provider/kubernetes/ingress/kubernetes.go",
		},
		{
			name: "ingress-nginx", requests: "nginx_ingress_controller_requests", status: "status", failed: by5xx, served: below500,
			buckets: "nginx_ingress_controller_request_duration_seconds_bucket", unit: "s",
			// What a canary Ingress took away still goes by the main Ingress's service; canary names where it went.
			slot:    `namespace="$namespace",service="$service",canary=""`,
			blue:    `namespace="$namespace",canary=~"$namespace-$service-[a-z0-9]+"`,
			clashes: true,
			needs:   "controller.metrics.enabled",
			source:  "https://github.com/kubernetes/ingress-nginx/blob/main/internal/ingress/metric/collectors/socket.go",
		},
		{
			name: "envoy gateway", requests: "envoy_cluster_endpoint_rq_total", status: "__name__",
			failed: "envoy_cluster_endpoint_rq_error", served: "envoy_cluster_endpoint_rq_success",
			only:   `envoy_cluster_name=~"(http|grpc)route/$namespace/.+"`,
			joined: `label_replace(%s, "pod_ip", "$1", "envoy_endpoint_address", "(.+):[0-9]+") and on (pod_ip) ` + podInfo,
			needs:  "EnvoyProxy telemetry.metrics.enablePerEndpointStats, since all backends of a rule are one cluster; and kube-state-metrics",
			source: "https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats",
		},
		{
			name: "contour", requests: "envoy_cluster_upstream_rq_xx", status: "envoy_response_code_class", failed: "5", served: "[1-4]",
			buckets: "envoy_cluster_upstream_rq_time_bucket", unit: "ms",
			slot:   `envoy_cluster_name=~"$namespace[_]$service[_][0-9]+"`,
			source: "https://projectcontour.io/guides/prometheus/",
		},
		{
			name: "haproxy kubernetes ingress", requests: "haproxy_backend_http_responses_total", status: "code", failed: "5xx", served: "[1-4]xx",
			slot:   `proxy=~"$namespace[_]svc[_]$service[_][a-z0-9-]+"`,
			source: "https://www.haproxy.com/documentation/haproxy-configuration-tutorials/alerts-and-monitoring/prometheus/",
		},
		{
			name: "haproxy-ingress", requests: "haproxy_backend_http_responses_total", status: "code", failed: "5xx", served: "[1-4]xx",
			slot:   `proxy=~"$namespace[_]$service[_][a-z0-9-]+"`,
			source: "https://haproxy-ingress.github.io/docs/examples/metrics/",
		},
		{
			name: "kong, Ingress", requests: "kong_http_requests_total", status: "code", failed: by5xx, served: below500,
			buckets: "kong_request_latency_ms_bucket", unit: "ms",
			slot:    `service=~"$namespace[.]$service[.](pnum-|pname-)?[a-z0-9-]+"`,
			clashes: true,
			needs:   "the plugin's status_code_metrics and latency_metrics; the backends of an HTTPRoute's rule are one Kong service, which can't tell slots",
			source:  "https://developer.konghq.com/plugins/prometheus/",
		},
		{
			name: "apisix", requests: "apisix_http_status", status: "code", failed: by5xx, served: below500,
			buckets: "apisix_http_latency_bucket", unit: "ms", timed: `type="request"`,
			joined: `%s and on (node) label_replace(` + podInfo + `, "node", "$1", "pod_ip", "(.+)")`,
			needs:  "kube-state-metrics, since only the upstream's address (node) tells the slot",
			source: "https://apisix.apache.org/docs/apisix/plugins/prometheus/",
		},
		{
			name: "nginx gateway fabric", requests: "nginx_http_upstream_peer_responses_total", status: "nginx_status_range", failed: "5xx", served: "[1-4]xx",
			slot:   `nginx_upstream_name=~"$namespace[_]$service[_][0-9]+"`,
			needs:  "NGINX Plus: the open-source NGINX counts no requests per upstream",
			source: "https://docs.nginx.com/nginx-gateway-fabric/monitoring/prometheus/",
		},
		{
			name: "istio, sidecar", requests: "istio_requests_total", status: "response_code", failed: by5xx, served: below500,
			buckets: "istio_request_duration_milliseconds_bucket", unit: "ms", only: `reporter="destination"`,
			slot:   `destination_workload_namespace="$namespace",destination_workload="$workload"`,
			source: "https://istio.io/latest/docs/reference/config/metrics/",
		},
		{
			name: "istio, waypoint", requests: "istio_requests_total", status: "response_code", failed: by5xx, served: below500,
			buckets: "istio_request_duration_milliseconds_bucket", unit: "ms", only: `reporter="waypoint"`,
			slot:   `destination_workload_namespace="$namespace",destination_workload="$workload"`,
			source: "https://istio.io/latest/docs/reference/config/metrics/",
		},
		{
			name: "istio, gateway", requests: "istio_requests_total", status: "response_code", failed: by5xx, served: below500,
			buckets: "istio_request_duration_milliseconds_bucket", unit: "ms", only: `reporter="source"`,
			slot:   `destination_service_namespace="$namespace",destination_service_name="$service"`,
			needs:  "nothing; for pods without a sidecar or waypoint",
			source: "https://istio.io/latest/docs/reference/config/metrics/",
		},
		{
			name: "linkerd", requests: "response_total", status: "classification", failed: "failure", served: "success",
			buckets: "response_latency_ms_bucket", unit: "ms", only: `direction="inbound",route_name!="probe"`,
			slot:   byPod,
			source: "https://linkerd.io/2/reference/proxy-metrics/",
		},
		{
			name: "application, http_requests_total by code", requests: "http_requests_total", status: "code", failed: by5xx, served: below500, counted: `code!=""`,
			buckets: "http_request_duration_seconds_bucket", unit: "s",
			slot: byPod, clashes: true,
			source: "https://prometheus.io/docs/practices/naming/",
		},
		{
			name: "application, http_requests_total by status", requests: "http_requests_total", status: "status", failed: by5xx, served: below500, counted: `status!=""`,
			buckets: "http_request_duration_seconds_bucket", unit: "s",
			slot: byPod, clashes: true,
			source: "https://prometheus.io/docs/practices/naming/",
		},
		{
			name: "application, http_requests_total by status_code", requests: "http_requests_total", status: "status_code", failed: by5xx, served: below500, counted: `status_code!=""`,
			buckets: "http_request_duration_seconds_bucket", unit: "s",
			slot: byPod, clashes: true,
			source: "https://prometheus.io/docs/practices/naming/",
		},
		{
			name: "application, opentelemetry", requests: "http_server_request_duration_seconds_count", status: "http_response_status_code", failed: by5xx, served: below500,
			buckets: "http_server_request_duration_seconds_bucket", unit: "s",
			slot: byPod, clashes: true,
			source: "https://github.com/open-telemetry/semantic-conventions/blob/main/docs/http/http-metrics.md",
		},
		{
			name: "application, opentelemetry sent to prometheus", requests: "http_server_request_duration_seconds_count", status: "http_response_status_code", failed: by5xx, served: below500,
			buckets: "http_server_request_duration_seconds_bucket", unit: "s",
			slot:   `k8s_namespace_name="$namespace",k8s_pod_name=~"$pods"`,
			needs:  "k8s.namespace.name and k8s.pod.name among otlp.promote_resource_attributes",
			source: "https://prometheus.io/docs/guides/opentelemetry/",
		},
	}
}
