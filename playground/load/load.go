package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// Target is one stream of requests: POST URL+Path with the given Host header, Rate times a second.
type Target struct {
	URL  string // http://127.0.0.1:PORT
	Host string
	Path string
	Rate float64
}

// Name is how the target is called in counts: its host and path.
func (t Target) Name() string { return t.Host + t.Path }

const (
	inFlight = 1024 // for each target; what would exceed it is counted as "overflow", never queued
	patience = 10 * time.Second
)

// Load is a running generator.
type Load struct {
	stop    context.CancelFunc
	senders sync.WaitGroup
	asked   sync.WaitGroup
	client  *http.Client
	history history
}

// Start sends to every target until ctx ends or Stop is called.
func Start(ctx context.Context, targets []Target) (*Load, error) {
	for _, t := range targets {
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	l := &Load{stop: stop, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: inFlight, IdleConnTimeout: time.Minute},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, t := range targets {
		l.senders.Go(func() { l.send(ctx, t) })
	}
	return l, nil
}

func (t Target) check() error {
	u, err := url.Parse(t.URL)
	if err != nil {
		return fmt.Errorf("load target %s: %w", t.Name(), err)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("load target %s: %s is not a loopback address", t.Name(), u.Host)
	}
	if t.Rate <= 0 {
		return fmt.Errorf("load target %s: rate %g is not above 0", t.Name(), t.Rate)
	}
	return nil
}

// Stop ends the sending and returns when every request in flight has been answered and counted.
func (l *Load) Stop() {
	l.stop()
	l.senders.Wait()
	l.asked.Wait()
	l.client.CloseIdleConnections()
}

// Counts are all answers so far.
func (l *Load) Counts() []Count { return l.history.since(time.Time{}) }

// Since counts the answers to requests that were sent in t's second or later.
func (l *Load) Since(t time.Time) []Count { return l.history.since(t) }

// send keeps t's schedule: request n leaves at start + n/rate. After a hiccup the overdue ones leave at once.
func (l *Load) send(ctx context.Context, t Target) {
	slots := make(chan struct{}, inFlight)
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		at := start.Add(due(n, t.Rate))
		timer.Reset(time.Until(at))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select {
		case slots <- struct{}{}:
			l.asked.Go(func() {
				l.ask(t)
				<-slots
			})
		default:
			l.history.add(time.Now(), Count{Target: t.Name(), Version: "none", Status: "overflow"})
		}
	}
}

// due is when request n leaves, counted from the start.
func due(n int, rate float64) time.Duration {
	return time.Duration(float64(n) / rate * float64(time.Second))
}

// ask sends one request. It has a time limit of its own and outlives the schedule: a request that
// was sent is always counted by its real answer.
func (l *Load) ask(t Target) {
	sent := time.Now()
	c := Count{Target: t.Name(), Version: "none"}
	c.Version, c.Status = l.answer(t)
	l.history.add(sent, c)
}

func (l *Load) answer(t Target) (version, status string) {
	// A POST is never sent again by itself: a connection that was cut must be counted.
	req, err := http.NewRequest(http.MethodPost, t.URL+t.Path, nil)
	if err != nil {
		return "none", "error"
	}
	req.Host = t.Host
	resp, err := l.client.Do(req)
	if err != nil {
		return "none", kind(err)
	}
	defer resp.Body.Close()
	version = resp.Header.Get("X-Version")
	if version == "" {
		version = "none"
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return version, kind(err)
	}
	return version, fmt.Sprint(resp.StatusCode)
}

// kind is the short name of a transport error, as it appears in Count.Status.
func kind(err error) string {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "reset"
	default:
		return "error"
	}
}
