package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// ServeHTTP answers one request as the current table says. It takes no lock.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := g.table.Load()
	if t == nil {
		http.Error(w, "the gateway has not seen the cluster yet", http.StatusServiceUnavailable)
		return
	}
	rule, match := t.find(r)
	switch {
	case rule == nil:
		http.NotFound(w, r)
	case rule.redirect != nil:
		rule.filters.changeResponse(w.Header())
		w.Header().Set("Location", rule.redirect.location(r, match.path))
		w.WriteHeader(rule.redirect.status)
	case rule.total == 0:
		http.Error(w, "the route has no backend with a weight", http.StatusInternalServerError)
	default:
		g.forward(w, r, rule, match.path, rule.pick(rand.Uint64N(rule.total)))
	}
}

// exchange is one forwarded request; it travels in the request's context to the proxy's hooks.
type exchange struct {
	rule     *rule
	backend  *backend
	endpoint string
	matched  string // the path prefix that matched
	code     int    // as answered to the client
}

type exchangeKey struct{}

func of(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, rule *rule, matched string, b *backend) {
	if b.status != 0 {
		b.series.count(b.status)
		http.Error(w, "backend "+b.series.key.backend.String()+": "+http.StatusText(b.status), b.status)
		return
	}
	x := &exchange{rule: rule, backend: b, matched: matched, endpoint: b.endpoints[rand.IntN(len(b.endpoints))]}
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	if rule.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, rule.timeout)
		defer cancel()
	}
	start := time.Now()
	defer func() {
		broken := recover() // the proxy panics to cut the client's connection when the response breaks off
		if broken != nil {
			x.code = codeOf(ctx.Err())
		}
		b.series.count(x.code)
		b.series.duration.Observe(time.Since(start).Seconds())
		if broken != nil {
			panic(broken)
		}
	}()
	g.proxy.ServeHTTP(w, r.WithContext(ctx))
}

func newProxy(transport http.RoundTripper) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:      transport,
		BufferPool:     &buffers{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
		Rewrite:        rewriteRequest,
		ModifyResponse: modifyResponse,
		ErrorHandler:   answerError,
		ErrorLog:       log.New(io.Discard, "", 0), // every failure is a status code in the metrics
	}
}

func rewriteRequest(p *httputil.ProxyRequest) {
	x := of(p.In.Context())
	p.Out.URL.Scheme, p.Out.URL.Host = "http", x.endpoint
	p.SetXForwarded()
	x.rule.filters.changeRequest(p.Out, x.matched)
	x.backend.filters.changeRequest(p.Out, x.matched)
}

func modifyResponse(resp *http.Response) error {
	x := of(resp.Request.Context())
	x.code = resp.StatusCode
	x.backend.filters.changeResponse(resp.Header)
	x.rule.filters.changeResponse(resp.Header)
	return nil
}

// answerError says what went wrong between the gateway and the backend.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	x := of(r.Context())
	x.code = codeOf(err)
	http.Error(w, "backend "+x.backend.series.key.backend.String()+" at "+x.endpoint+": "+err.Error(), x.code)
}

// codeOf is the status of a request that got no whole response. 499 is nginx's code for a client that left.
func codeOf(err error) int {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, context.Canceled):
		return 499
	default:
		return http.StatusBadGateway
	}
}

func (f *filters) changeRequest(r *http.Request, matched string) {
	for _, c := range f.request {
		c.apply(r.Header)
	}
	if f.rewrite == nil {
		return
	}
	if f.rewrite.host != "" {
		r.Host = f.rewrite.host
	}
	if path := f.rewrite.path.apply(r.URL.Path, matched); path != r.URL.Path {
		r.URL.Path, r.URL.RawPath = path, ""
	}
}

func (f *filters) changeResponse(h http.Header) {
	for _, c := range f.response {
		c.apply(h)
	}
}

// buffers lets the proxy copy bodies without allocating for each.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return *b.pool.Get().(*[]byte) }
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
