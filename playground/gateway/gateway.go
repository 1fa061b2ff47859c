package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	gwclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
)

// Gateway is the data plane (an http.Handler) and its controller (Run).
type Gateway struct {
	core    kubernetes.Interface
	gateway gwclient.Interface
	address string
	metrics *metrics
	proxy   *httputil.ReverseProxy
	table   atomic.Pointer[table] // nil until the cluster was seen once
}

// New makes a gateway that reaches endpoints through dial and reports address (host or host:port) as its own.
// Until Run has seen the whole cluster it answers 503.
func New(cfg *rest.Config, dial func(ctx context.Context, network, addr string) (net.Conn, error), address string) (*Gateway, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = 200, 400 // statuses of many routes at the start
	core, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("gateway: connect to the cluster: %w", err)
	}
	gateway, err := gwclient.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("gateway: connect to the cluster: %w", err)
	}
	return newGateway(core, gateway, dial, address), nil
}

func newGateway(core kubernetes.Interface, gateway gwclient.Interface, dial func(ctx context.Context, network, addr string) (net.Conn, error), address string) *Gateway {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return &Gateway{
		core: core, gateway: gateway, address: address, metrics: newMetrics(),
		proxy: newProxy(&http.Transport{
			DialContext:         limit(dial),
			MaxIdleConnsPerHost: 256,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		}),
	}
}

// limit keeps a connection attempt from outlasting anyone's patience.
func limit(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return dial(ctx, network, addr)
	}
}

// Metrics is the gateway's /metrics.
func (g *Gateway) Metrics() http.Handler {
	return promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})
}
