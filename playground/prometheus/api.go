package prometheus

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/notifications"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// api adds the paths of Prometheus' HTTP API to mux.
func (s *Server) api(mux *http.ServeMux) {
	router := route.New()
	s.newAPI().Register(router)
	mux.Handle("/api/v1/", http.StripPrefix("/api/v1", router))
	mux.Handle("/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("Prometheus Server is Healthy.\n"))
	})
	mux.HandleFunc("/-/ready", s.whenReady(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("Prometheus Server is Ready.\n"))
	}))
}

func (s *Server) whenReady(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.ready.Load() {
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

// newAPI hands the parts to Prometheus' API, whose constructor also takes those that the playground leaves out.
func (s *Server) newAPI() *v1.API {
	return v1.NewAPI(
		s.engine, s.db,
		nil, // no writes from outside
		s.db,
		func(context.Context) v1.ScrapePoolsRetriever { return s.scrapers },
		func(context.Context) v1.TargetRetriever { return s.scrapers },
		func(context.Context) v1.AlertmanagerRetriever { return none{} },
		func() config.Config { return *s.config },
		map[string]string{"query.lookback-delta": lookback.String()},
		v1.GlobalURLOptions{},
		s.whenReady,
		admin{s.db, s.dbStats}, s.dir,
		false,    // no administration
		false, 0, // no search
		s.log,
		func(context.Context) v1.RulesRetriever { return none{} },
		5e7, 10, 1<<20, // remote read's usual limits
		false, // not an agent
		regexp.MustCompile("^(?:.*)$"),
		s.runtimeInfo,
		&v1.PrometheusVersion{Version: "3.16.0", GoVersion: runtime.Version()}, // module v0.316.0
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, func() {}, false },
		s.registry, s.registry,
		nil,        // default statistics
		false, nil, // no remote write
		false, false, false, // no OTLP
		lookback,
		false, false,
		nil, nil,
		v1.OpenAPIOptions{},
		s.parser,
		false,
		queryTimeout,
	)
}

func (s *Server) runtimeInfo() (v1.RuntimeInfo, error) {
	return v1.RuntimeInfo{
		StartTime: s.started, ServerTime: time.Now(), CWD: s.dir,
		GoroutineCount: runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0),
	}, nil
}

// none is the rules and Alertmanagers of a Prometheus without any.
type none struct{}

func (none) RuleGroups() []*rules.Group           { return nil }
func (none) AlertingRules() []*rules.AlertingRule { return nil }
func (none) Alertmanagers() []*url.URL            { return nil }
func (none) DroppedAlertmanagers() []*url.URL     { return nil }

// admin gives the database the shape that the API's status pages want.
type admin struct {
	*tsdb.DB
	stats *tsdb.DBStats
}

func (a admin) Stats(label string, limit int) (*tsdb.Stats, error) {
	return a.Head().Stats(label, limit), nil
}

func (a admin) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	return a.stats.Head.WALReplayStatus.GetWALReplayStatus(), nil
}

func (a admin) BlockMetas() ([]tsdb.BlockMeta, error) { return a.DB.BlockMetas(), nil }
