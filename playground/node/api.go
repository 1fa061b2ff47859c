package node

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// api is the part of the kubelet's HTTP API that the API server needs for kubectl logs and port-forward.
func (n *Node) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	mux.HandleFunc("/portForward/{namespace}/{pod}", n.servePortForward)
	return mux
}

func (n *Node) serveLogs(w http.ResponseWriter, r *http.Request) {
	v, err := viewOf(r.URL.Query(), n.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l, status, err := n.logOf(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), r.URL.Query().Get("previous") == "true")
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	flush := func() { _ = http.NewResponseController(w).Flush() } // a reader that left ends r's context too
	if err := l.copyTo(r.Context(), w, flush, v); err != nil {
		n.Log.Debug("send a log", "to", r.RemoteAddr, "cause", err)
	}
}

// logOf finds the log of a container's present or previous run.
func (n *Node) logOf(namespace, name, of string, previous bool) (*logs, int, error) {
	p := n.podNamed(namespace, name)
	if p == nil {
		return nil, http.StatusNotFound, fmt.Errorf("pod %q not found in namespace %q", name, namespace)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.containers() {
		switch {
		case c.spec.Name != of:
		case previous && c.previous == nil:
			return nil, http.StatusBadRequest, fmt.Errorf("previous terminated container %q in pod %q not found", of, name)
		case previous:
			return c.previous, 0, nil
		case c.log == nil && c.state.current.Waiting != nil:
			return nil, http.StatusBadRequest, fmt.Errorf("container %q in pod %q is waiting to start: %s", of, name, c.state.current.Waiting.Reason)
		case c.log == nil:
			return nil, http.StatusBadRequest, fmt.Errorf("container %q in pod %q has not started yet", of, name)
		default:
			return c.log, 0, nil
		}
	}
	return nil, http.StatusNotFound, fmt.Errorf("container %q not found in pod %q", of, name)
}

func (n *Node) podNamed(namespace, name string) *pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.object.Namespace == namespace && p.object.Name == name {
			return p
		}
	}
	return nil
}

// viewOf reads what part of a log is wanted.
func viewOf(q url.Values, now time.Time) (view, error) {
	v := view{follow: q.Get("follow") == "true", timestamps: q.Get("timestamps") == "true", tail: -1, limit: -1}
	if text := q.Get("tailLines"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return view{}, fmt.Errorf("tailLines must be a number that is not negative, not %q", text)
		}
		v.tail = n
	}
	if text := q.Get("limitBytes"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return view{}, fmt.Errorf("limitBytes must be a positive number, not %q", text)
		}
		v.limit = n
	}
	if text := q.Get("sinceSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return view{}, fmt.Errorf("sinceSeconds must be a positive number, not %q", text)
		}
		v.since = now.Add(-time.Duration(n) * time.Second)
	}
	if text := q.Get("sinceTime"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return view{}, fmt.Errorf("sinceTime must be a time as in RFC 3339, not %q", text)
		}
		v.since = at
	}
	return v, nil
}
