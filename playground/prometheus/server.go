package prometheus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	config_util "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	lookback     = 5 * time.Second // a slot that stopped reporting is absent, not constant
	queryTimeout = 30 * time.Second
	targetDelay  = 100 * time.Millisecond // between changes of the target set
)

// Server is one Prometheus.
type Server struct {
	pods     kubernetes.Interface
	gateway  string
	config   *config.Config
	registry *prometheus.Registry
	db       *tsdb.DB
	dbStats  *tsdb.DBStats
	dir      string
	parser   parser.Parser
	engine   *promql.Engine
	scrapers *scrape.Manager
	log      *slog.Logger
	started  time.Time
	ready    atomic.Bool
}

// New opens the database in dir. gatewayMetrics is the host:port of the gateway's /metrics; pods are reached
// through dial. Run must be called once afterwards: it closes what New has opened.
func New(cfg *rest.Config, dir string, dial func(ctx context.Context, network, addr string) (net.Conn, error), gatewayMetrics string) (*Server, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("prometheus: connect to the cluster: %w", err)
	}
	return newServer(client, dir, dial, gatewayMetrics)
}

func newServer(client kubernetes.Interface, dir string, dial config_util.DialContextFunc, gateway string) (*Server, error) {
	s := &Server{
		pods: client, gateway: gateway, dir: dir, started: time.Now(),
		registry: prometheus.NewRegistry(), dbStats: tsdb.NewDBStats(), parser: parser.NewParser(parser.Options{}),
		log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	var err error
	if s.config, err = loadConfig(); err != nil {
		return nil, err
	}
	if s.db, err = tsdb.Open(dir, s.log, s.registry, tsdb.DefaultOptions(), s.dbStats); err != nil {
		return nil, fmt.Errorf("prometheus: open the database in %s: %w", dir, err)
	}
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger: s.log, Reg: s.registry, MaxSamples: 10_000_000, Timeout: queryTimeout, LookbackDelta: lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: s.parser,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Second.Milliseconds() },
	})
	s.scrapers, err = scrape.NewManager(&scrape.Options{
		DiscoveryReloadInterval: model.Duration(targetDelay),
		HTTPClientOptions:       []config_util.HTTPClientOption{config_util.WithDialContextFunc(s.dialer(dial))},
	}, s.log, nil, nil, s.db, s.registry)
	if err == nil {
		err = s.scrapers.ApplyConfig(s.config)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prometheus: set up scraping: %w", err), s.db.Close())
	}
	return s, nil
}

// dialer reaches the gateway directly, as it has a real address, and everything else through dial.
func (s *Server) dialer(dial config_util.DialContextFunc) config_util.DialContextFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == s.gateway {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		return dial(ctx, network, addr)
	}
}

// Run scrapes until ctx ends, then stops in order: no new targets, no scrapes, no queries, database closed.
func (s *Server) Run(ctx context.Context) error {
	sets := make(chan map[string][]*targetgroup.Group)
	scraping := make(chan error, 1)
	go func() { scraping <- s.scrapers.Run(sets) }()
	s.ready.Store(true)

	err := s.watch(ctx, sets)

	s.ready.Store(false)
	s.scrapers.Stop()
	return errors.Join(err, <-scraping, s.engine.Close(), s.db.Close())
}

// Handler is Prometheus' HTTP API, and /metrics of Prometheus itself. It answers 503 before and after Run.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.api(mux)
	return mux
}
