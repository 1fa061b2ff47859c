package network

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// Proxy is an HTTP proxy (absolute URLs and CONNECT) whose every connection goes through dial.
func Proxy(dial DialFunc) http.Handler {
	forward := &httputil.ReverseProxy{
		Rewrite: func(*httputil.ProxyRequest) {}, // the URL is absolute already
		Transport: &http.Transport{
			DialContext:       dial,
			DisableKeepAlives: true, // a name may lead elsewhere the next time
		},
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			tunnel(w, r, dial)
		case r.URL.IsAbs():
			forward.ServeHTTP(w, r)
		default:
			http.Error(w, "this is a proxy: ask for an absolute URL", http.StatusBadRequest)
		}
	})
}

// tunnel answers a CONNECT and copies bytes both ways until either side ends.
func tunnel(w http.ResponseWriter, r *http.Request, dial DialFunc) {
	upstream, err := dial(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = upstream.Close() }() // copyHalf may have closed it
	downstream, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, fmt.Sprintf("connect %s: %v", r.Host, err), http.StatusInternalServerError)
		return
	}
	defer func() { _ = downstream.Close() }()
	if _, err := io.WriteString(downstream, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return // the asking side is gone
	}
	var both sync.WaitGroup
	both.Go(func() { copyHalf(upstream, buffered) })
	both.Go(func() { copyHalf(downstream, upstream) })
	both.Wait()
}

// copyHalf passes one direction on, and its end too. A copy that breaks off is how a connection ends: nobody is left to tell.
func copyHalf(to net.Conn, from io.Reader) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}

// ServeProxy answers on l until ctx ends, then drops what is still open.
func ServeProxy(ctx context.Context, l net.Listener, dial DialFunc) error {
	server := &http.Server{Handler: Proxy(dial), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve proxy on %s: %w", l.Addr(), err)
	}
	return nil
}
