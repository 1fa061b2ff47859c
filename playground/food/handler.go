package food

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Exit is the error of a tag whose process starts, writes Log and ends with Code.
type Exit struct {
	Code int
	Log  string
}

func (e *Exit) Error() string { return e.Log }

// Known tells whether there is an image of the component at that tag.
func Known(component, tag string) bool {
	_, ok := catalogue()[component][tag]
	return ok
}

// Handler is what the component's container serves at that tag. The error is an *Exit when the process would
// end by itself; any other error means that there is no such image.
//
// env may name a mounted file of rules (RULES_FILE) or hold them (RULES); /rules shows them, read anew each time.
func Handler(component, tag string, env map[string]string) (http.Handler, error) {
	known := catalogue()
	versions, ok := known[component]
	if !ok {
		return nil, fmt.Errorf("no image of component %q: there are %s", component, names(known))
	}
	b, ok := versions[tag]
	if !ok {
		return nil, fmt.Errorf("no image %s:%s: there are %s", component, tag, names(versions))
	}
	if b.exits {
		return nil, &Exit{Code: 1, Log: "panic: licence key for " + component + " is not readable"}
	}
	return newServer(component, tag, b, env), nil
}

func names[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// server is one running container.
type server struct {
	component, tag string
	behaviour      behaviour
	defect         defect
	requests       *prometheus.CounterVec
	payments       *prometheus.CounterVec
	duration       prometheus.Histogram
}

func newServer(component, tag string, b behaviour, env map[string]string) http.Handler {
	s := &server{
		component: component, tag: tag, behaviour: b, defect: defect{behaviour: b},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Business requests by status code."}, []string{"code"}),
		payments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "food_payments_total", Help: "Licence payments by result."}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a business request.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .3, .5, 1, 2.5, 5}}),
	}
	// Both results exist from the start: a slot without a failure reports 0, not nothing.
	s.payments.WithLabelValues("success")
	s.payments.WithLabelValues("failure")

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /rules", rules(env))
	mux.HandleFunc("/{$}", s.business)
	mux.HandleFunc("/pay", s.business)
	if !b.silent {
		registry := prometheus.NewRegistry()
		registry.MustRegister(s.requests, s.payments, s.duration)
		mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", tag)
		mux.ServeHTTP(w, r)
	})
}

func (s *server) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.behaviour.notReady {
		http.Error(w, "waiting for the licence register", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *server) business(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	failed := s.defect.next(start) || rand.Float64() < s.behaviour.chance
	wait(r.Context(), s.behaviour.latency.sample(rand.NormFloat64()))
	s.duration.Observe(time.Since(start).Seconds())
	if failed {
		s.requests.WithLabelValues("500").Inc()
		s.payments.WithLabelValues("failure").Inc()
		http.Error(w, "payment connection is busy", http.StatusInternalServerError)
		return
	}
	s.requests.WithLabelValues("200").Inc()
	s.payments.WithLabelValues("success").Inc()
	fmt.Fprintf(w, "%s %s\n", s.component, s.tag)
}

func rules(env map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text := []byte(env["RULES"])
		if path := env["RULES_FILE"]; path != "" {
			var err error
			text, err = os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		if len(text) == 0 {
			http.Error(w, "no rules", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(text)
	}
}

// wait spends the time a request takes, or less when its client has gone.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sample turns a standard normal number into a duration of the distribution, cut off at three times its p99.
func (l latency) sample(normal float64) time.Duration {
	if l.p50 == 0 {
		return 0
	}
	const z99 = 2.3263 // the standard normal's 99th percentile
	sigma := math.Log(float64(l.p99)/float64(l.p50)) / z99
	return min(time.Duration(float64(l.p50)*math.Exp(sigma*normal)), 3*l.p99)
}

// defect decides which business requests fail.
type defect struct {
	behaviour behaviour

	mu              sync.Mutex
	served          int   // all so far
	exposed         int   // those to which the defect applied
	second          int64 // the running second, and how many came in it and in the one before
	current, before int
}

// next counts a request that arrives now and tells whether it fails.
func (d *defect) next(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch s := now.Unix(); s - d.second {
	case 0:
	case 1:
		d.before, d.current, d.second = d.current, 0, s
	default:
		d.before, d.current, d.second = 0, 0, s
	}
	d.current++
	d.served++
	b := d.behaviour
	loaded := b.above == 0 || float64(max(d.before, d.current)) > b.above
	if b.fail.n == 0 || d.served <= b.after || !loaded {
		return false
	}
	d.exposed++
	return d.exposed*b.fail.n%b.fail.of < b.fail.n
}
