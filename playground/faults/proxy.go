package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Half is the side of a write on which the process ends.
type Half string

// The halves of a step that writes: what was meant is not done, or it is done and nobody was told.
const (
	Before Half = "before"
	After  Half = "after"
)

// Point is a moment in a process's life. The zero Point never comes.
type Point struct {
	Write int // counted from 1
	Half  Half
}

func (p Point) String() string { return fmt.Sprintf("%s write %d", p.Half, p.Write) }

// Proxy stands between one process and the API server.
type Proxy struct {
	at     Point
	victim chan *os.Process
	server *http.Server
	url    string

	mu       sync.Mutex
	writes   writes
	hit      string
	requests int
	weather  []Weather
	met      []int         // how many requests each kind of weather has concerned
	cut      chan struct{} // closed to end the watches there are
}

// Serve starts a proxy to the server of config, with the rights of config's user, on a loopback address.
func Serve(config *rest.Config, at Point) (*Proxy, error) {
	upstream, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", config.Host, err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", config.Host, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", config.Host, err)
	}
	p := &Proxy{at: at, victim: make(chan *os.Process, 1), cut: make(chan struct{}), url: "http://" + l.Addr().String()}
	p.server = &http.Server{Handler: p.weathered(p.handler(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport:      transport,
		FlushInterval:  -1, // watches
		ModifyResponse: p.answered,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}))}
	go func() { _ = p.server.Serve(l) }() // it ends with Close
	return p, nil
}

// Close cuts every connection.
func (p *Proxy) Close() error { return p.server.Close() }

// Aim says which process it is. Its first write waits for this.
func (p *Proxy) Aim(victim *os.Process) { p.victim <- victim }

// Kubeconfig writes a kubeconfig file that leads here.
func (p *Proxy) Kubeconfig(path string) error {
	return clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"c": {Server: p.url}},
		Contexts:       map[string]*api.Context{"x": {Cluster: "c"}},
		CurrentContext: "x",
	}, path)
}

// Writes are the writes so far, in order.
func (p *Proxy) Writes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes.seen
}

// Hit is the write at which the process was ended, empty when it was not.
func (p *Proxy) Hit() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit
}

type fatal struct{} // marks the context of the write that is the point

func (p *Proxy) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := p.count(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if n > 0 && n == p.at.Write {
			if p.at.Half == Before {
				_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection seen
				p.kill()
				<-r.Context().Done() // its end of the connection is gone, and so is the process
				panic(http.ErrAbortHandler)
			}
			r = r.WithContext(context.WithValue(r.Context(), fatal{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// answered ends the process when its write is done and the answer is still here.
func (p *Proxy) answered(r *http.Response) error {
	if r.Request.Context().Value(fatal{}) == nil {
		return nil
	}
	p.kill()
	<-r.Request.Context().Done()
	return errors.New("nobody is left to hear it")
}

func (p *Proxy) count(r *http.Request) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes.count(r)
}

func (p *Proxy) kill() {
	victim := <-p.victim
	p.mu.Lock()
	p.hit = p.writes.seen[p.at.Write-1]
	p.mu.Unlock()
	_ = victim.Kill() // it can only have ended already
}
