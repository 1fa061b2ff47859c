package gateway

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// metrics counts requests per backend. Requests that no route or no backend took are not counted: they
// are nobody's. Durations are those of forwarded requests, so that a 503 of the gateway does not look fast.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec

	mu     sync.Mutex
	series map[seriesKey]*series
}

type seriesKey struct{ route, backend types.NamespacedName }

// series is one backend's numbers, looked up once when the table is compiled and without locks afterwards.
type series struct {
	key      seriesKey
	requests *prometheus.CounterVec
	codes    [600]atomic.Pointer[prometheus.Counter]
	duration prometheus.Observer
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_requests_total", Help: "Requests by route, backend Service and status code.",
		}, []string{"namespace", "route", "backend", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gateway_request_duration_seconds", Help: "Time until a forwarded request was answered in full.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .3, .5, 1, 2.5, 5},
		}, []string{"namespace", "route", "backend"}),
		series: map[seriesKey]*series{},
	}
	m.registry.MustRegister(m.requests, m.durations)
	return m
}

// of returns the series of a route's backend. The namespace label is the backend's.
func (m *metrics) of(route, backend types.NamespacedName) *series {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := seriesKey{route, backend}
	s := m.series[key]
	if s == nil {
		s = &series{key: key, requests: m.requests,
			duration: m.durations.WithLabelValues(backend.Namespace, route.Name, backend.Name)}
		m.series[key] = s
	}
	return s
}

// count adds one request that ended with code.
func (s *series) count(code int) {
	if code < 0 || code >= len(s.codes) {
		code = 0 // not an HTTP status; keep it visible
	}
	c := s.codes[code].Load()
	if c == nil {
		counter := s.requests.WithLabelValues(s.key.backend.Namespace, s.key.route.Name, s.key.backend.Name, strconv.Itoa(code))
		s.codes[code].Store(&counter)
		c = &counter
	}
	(*c).Inc()
}
