package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// play serves routes at a gateway whose made-up addresses lead to a backend that says what it was asked.
func play(t testing.TB, backend http.Handler, docs ...string) (*Gateway, string) {
	t.Helper()
	srv := httptest.NewServer(backend)
	t.Cleanup(srv.Close)
	g := newGateway(nil, nil, func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != "10.244.1.1:8080" {
			return nil, fmt.Errorf("dial %s: nobody is there", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}, "127.0.0.1:80")
	c := compiler{cluster: read(t, append([]string{strings.TrimSpace(base)}, docs...)...), seriesOf: g.metrics.of}
	table, _ := c.compile()
	g.table.Store(table)
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)
	return g, front.URL
}

// echo answers with what reached it.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Version", "1.0.0")
	w.Header().Set("X-Secret", "yes")
	fmt.Fprintf(w, "%s %s%s user=%s tags=%s secret=%s for=%s", r.Method, r.Host, r.URL.RequestURI(), r.Header.Get("X-User"),
		strings.Join(r.Header["X-Tag"], "+"), r.Header.Get("X-Secret"), r.Header.Get("X-Forwarded-For"))
}

func TestFilters(t *testing.T) {
	_, url := play(t, http.HandlerFunc(echo), `{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [
		{backendRefs: [{name: a, port: 80}]},
		{matches: [{path: {value: /headers}}], backendRefs: [{name: a, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: x-tag, value: c}]}}]}],
		 filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-user, value: gateway}], add: [{name: x-tag, value: b}], remove: [x-secret]}},
		           {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-slot, value: blue}], remove: [x-secret]}}]},
		{matches: [{path: {value: /old}}], filters: [{type: URLRewrite, urlRewrite: {hostname: new.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}], backendRefs: [{name: a, port: 80}]},
		{matches: [{path: {value: /root/}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}], backendRefs: [{name: a, port: 80}]},
		{matches: [{path: {value: /full}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /one}}}], backendRefs: [{name: a, port: 80}]},
		{matches: [{path: {value: /moved}}], filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /to}, statusCode: 301}}]},
		{matches: [{path: {value: /secure}}], filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: s.example}}]},
		{matches: [{path: {value: /port}}], filters: [{type: RequestRedirect, requestRedirect: {port: 80}}]}]}}`)
	for path, want := range map[string]string{
		"/any?a=b":   "200 GET food.example:8000/any?a=b user=me tags=a secret=mine for=127.0.0.1 [1.0.0  yes]",
		"/headers":   "200 GET food.example:8000/headers user=gateway tags=a+b+c secret= for=127.0.0.1 [1.0.0 blue ]",
		"/old":       "200 GET new.example/new user=me tags=a secret=mine for=127.0.0.1 [1.0.0  yes]",
		"/old/x?y=1": "200 GET new.example/new/x?y=1 user=me tags=a secret=mine for=127.0.0.1 [1.0.0  yes]",
		"/root/x":    "200 GET food.example:8000/x user=me tags=a secret=mine for=127.0.0.1 [1.0.0  yes]",
		"/root":      "200 GET food.example:8000/ user=me tags=a secret=mine for=127.0.0.1 [1.0.0  yes]",
		"/full/a":    "200 GET food.example:8000/one user=me tags=a secret=mine for=127.0.0.1 [1.0.0  yes]",
		"/moved/x":   "301 http://food.example:8000/to/x",
		"/secure?a":  "302 https://s.example/secure?a",
		"/port":      "302 http://food.example/port",
	} {
		r, _ := http.NewRequest(http.MethodGet, url+path, nil)
		r.Host = "food.example:8000"
		r.Header = http.Header{"X-User": {"me"}, "X-Tag": {"a"}, "X-Secret": {"mine"}, "X-Forwarded-For": {"6.6.6.6"}}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		got := fmt.Sprintf("%d %s [%s %s %s]", resp.StatusCode, body, resp.Header.Get("X-Version"), resp.Header.Get("X-Slot"), resp.Header.Get("X-Secret"))
		if to := resp.Header.Get("Location"); to != "" {
			got = fmt.Sprintf("%d %s", resp.StatusCode, to)
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", path, got, want)
		}
	}
}

// TestAnswers checks the gateway's own statuses, and that each is counted for its backend.
func TestAnswers(t *testing.T) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/slow":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	g, url := play(t, backend, `{kind: HTTPRoute, metadata: {name: food}, spec: {parentRefs: [{name: food}], hostnames: [h], rules: [
		{matches: [{path: {value: /teapot}}, {path: {value: /cut}}], backendRefs: [{name: a, port: 80}]},
		{matches: [{path: {value: /slow}}], timeouts: {request: 50ms}, backendRefs: [{name: a, port: 80}]},
		{matches: [{path: {value: /gone}}], backendRefs: [{name: gone, port: 80}]},
		{matches: [{path: {value: /empty}}], backendRefs: [{name: c, port: 80}]},
		{matches: [{path: {value: /down}}], backendRefs: [{name: b, port: 80}]},
		{matches: [{path: {value: /nothing}}], backendRefs: []},
		{matches: [{path: {value: /zero}}], backendRefs: [{name: a, port: 80, weight: 0}]}]}}`)
	for path, want := range map[string]int{"/teapot": 418, "/slow": 504, "/gone": 500, "/empty": 503, "/down": 502, "/nothing": 500, "/zero": 500, "/unknown": 404, "/cut": -1} {
		r, _ := http.NewRequest(http.MethodGet, url+path, nil)
		r.Host = "h"
		r.Method = http.MethodPost // a GET would be sent again when its connection is cut
		got := -1
		if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
			got = resp.StatusCode
			resp.Body.Close()
		}
		if got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	metrics := scrape(g)
	for _, want := range []string{
		`gateway_requests_total{backend="a",code="418",namespace="ns",route="food"} 1`,
		`gateway_requests_total{backend="a",code="504",namespace="ns",route="food"} 1`,
		`gateway_requests_total{backend="a",code="502",namespace="ns",route="food"} 1`, // cut off
		`gateway_requests_total{backend="b",code="502",namespace="ns",route="food"} 1`,
		`gateway_requests_total{backend="c",code="503",namespace="ns",route="food"} 1`,
		`gateway_requests_total{backend="gone",code="500",namespace="ns",route="food"} 1`,
		`gateway_request_duration_seconds_bucket{backend="a",namespace="ns",route="food",le="0.3"} 3`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	if n := strings.Count(metrics, "\ngateway_requests_total{"); n != 6 {
		t.Errorf("%d series of requests, want 6", n)
	}
}

func scrape(g *Gateway) string {
	w := httptest.NewRecorder()
	g.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// TestWeights: each share is within three standard errors of what its weight says.
func TestWeights(t *testing.T) {
	table, _ := compiled(t, `{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [
		{name: a, port: 80, weight: 90}, {name: b, port: 80, weight: 9}, {name: c, port: 80, weight: 0}, {name: gone, port: 80, weight: 1}]}]}}`)
	rule, _ := table.find(httptest.NewRequest(http.MethodGet, "http://h/", nil))
	const n = 100_000
	counts := map[string]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		counts[rule.pick(random.Uint64N(rule.total)).series.key.backend.Name]++
	}
	for name, p := range map[string]float64{"a": .90, "b": .09, "c": 0, "gone": .01} {
		if got, limit := float64(counts[name])/n, 3*math.Sqrt(p*(1-p)/n); math.Abs(got-p) > limit {
			t.Errorf("%s got %.4f of the requests, want %.4f ± %.4f", name, got, p, limit)
		}
	}
	if len(counts) != 3 {
		t.Errorf("requests went to %v", counts)
	}
}

// TestConnectionsAreReused: a thousand requests in a row need one connection to their endpoint.
func TestConnectionsAreReused(t *testing.T) {
	var opened atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	g := newGateway(nil, nil, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}, "127.0.0.1")
	table, _ := compiled(t, `{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [{name: a, port: 80}]}]}}`)
	g.table.Store(table)
	for range 1000 {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://h/", nil))
		if w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestBeforeTheFirstTable(t *testing.T) {
	w := httptest.NewRecorder()
	newGateway(nil, nil, nil, "").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://h/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

// BenchmarkForward is one request through the gateway over loopback, with its client and its backend.
func BenchmarkForward(b *testing.B) {
	_, url := play(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }),
		`{kind: HTTPRoute, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [{name: a, port: 80, weight: 99}, {name: a, port: 80, weight: 1}]}]}}`)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
}

// BenchmarkCompile is one renewal of the table with a thousand routes.
func BenchmarkCompile(b *testing.B) {
	docs := []string{strings.TrimSpace(base)}
	for i := range 1000 {
		docs = append(docs, fmt.Sprintf(`{kind: HTTPRoute, metadata: {name: r%d}, spec: {parentRefs: [{name: food}], hostnames: [h%d.example], rules: [{backendRefs: [{name: a, port: 80}, {name: b, port: 80}]}]}}`, i, i))
	}
	all, m := read(b, docs...), newMetrics()
	b.ReportAllocs()
	for b.Loop() {
		c := compiler{cluster: all, address: "127.0.0.1", seriesOf: m.of}
		c.compile()
	}
}

// wait asks until done says so; what is awaited has its own clock (a watch, a socket).
func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
	}
}
