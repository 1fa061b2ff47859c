package slot

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// moody is an API server that is in trouble for the first few requests, and what it was sent.
type moody struct {
	troubles int
	trouble  func(http.ResponseWriter)
	after    int // the status after that; 0: 200
	heard    []string
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.heard = append(m.heard, string(body))
	if len(m.heard) <= m.troubles {
		m.trouble(w)
	} else if m.after != 0 {
		w.WriteHeader(m.after)
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

func TestRequestsAreRepeated(t *testing.T) {
	lost := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	later := func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	for name, c := range map[string]struct {
		method   string
		body     io.Reader
		troubles int
		trouble  func(http.ResponseWriter)
		tries    int
		ends     int // the status of the answer
	}{
		"all is well":             {http.MethodGet, nil, 0, nil, 1, 200},
		"an error of the server":  {http.MethodGet, nil, 3, status(500), 4, 200},
		"too many requests":       {http.MethodDelete, nil, 1, status(429), 2, 200},
		"lost answers":            {http.MethodPut, strings.NewReader("whole"), 2, lost, 3, 200},
		"it lasts":                {http.MethodGet, nil, 99, status(503), 5, 503},
		"a refusal":               {http.MethodGet, nil, 1, status(403), 1, 403},
		"the server names a time": {http.MethodGet, nil, 1, later, 1, 429},
		"made twice it were two":  {http.MethodPost, strings.NewReader("whole"), 1, status(500), 1, 500},
		"a body to be read once":  {http.MethodPut, io.LimitReader(strings.NewReader("whole"), 9), 1, status(500), 1, 500},
	} {
		t.Run(name, func(t *testing.T) {
			m := &moody{troubles: c.troubles, trouble: c.trouble}
			server := httptest.NewServer(m)
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, c.body)
			if err != nil {
				t.Fatal(err)
			}
			// A server's connection is not taken twice: net/http itself repeats a request on one that turns out closed.
			transport := &http.Transport{DisableKeepAlives: true}
			response, err := repeatTransport{transport, wait.Backoff{Duration: time.Millisecond, Steps: 4}}.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			if response.StatusCode != c.ends || len(m.heard) != c.tries {
				t.Errorf("status %d after %d tries, want %d after %d", response.StatusCode, len(m.heard), c.ends, c.tries)
			}
			if c.body != nil && slices.ContainsFunc(m.heard, func(s string) bool { return s != "whole" }) {
				t.Errorf("bodies: %q", m.heard)
			}
		})
	}
}

// What an earlier try may have deleted is not missed by the next. What nobody tried to delete is.
func TestWhatIsGoneByTheSecondTryWasDeleted(t *testing.T) {
	lost := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		method   string
		troubles int
		ends     int
	}{
		"deleted, and the answer lost": {http.MethodDelete, 1, 200},
		"never there":                  {http.MethodDelete, 0, 404},
		"read":                         {http.MethodGet, 1, 404},
	} {
		server := httptest.NewServer(&moody{troubles: c.troubles, trouble: lost, after: http.StatusNotFound})
		config := &rest.Config{Host: server.URL, Transport: repeatTransport{&http.Transport{DisableKeepAlives: true}, wait.Backoff{Duration: time.Millisecond, Steps: 4}}}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		if c.method == http.MethodGet {
			_, err = client.CoreV1().Secrets("ns").Get(t.Context(), "x", metav1.GetOptions{})
		} else {
			err = client.CoreV1().Secrets("ns").Delete(t.Context(), "x", metav1.DeleteOptions{})
		}
		if apierrors.IsNotFound(err) != (c.ends == 404) || err != nil && c.ends == 200 {
			t.Errorf("%s: got %v", name, err)
		}
		server.Close()
	}
}

func TestARequestIsNotRepeatedOnceNobodyWaits(t *testing.T) {
	m := &moody{troubles: 99, trouble: status(500)}
	server := httptest.NewServer(m)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := repeatTransport{http.DefaultTransport, wait.Backoff{Duration: time.Hour, Steps: 4}}.RoundTrip(r)
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) || len(m.heard) != 1 {
		t.Errorf("%v after %d tries", err, len(m.heard))
	}
}
