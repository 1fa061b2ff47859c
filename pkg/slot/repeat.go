package slot

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// repeats are the pauses between the tries of a request, about three seconds in all: what lasts longer is for whoever
// asked for the whole operation.
var repeats = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 5}

// repeatTransport sends a request again that an API server in trouble did not answer. Helm makes many requests for one
// operation and repeats none: an operation whose every request has to succeed hardly gets past a server that fails some.
type repeatTransport struct {
	next  http.RoundTripper
	pause wait.Backoff
}

func (t repeatTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	pause := t.pause
	for again := false; ; again = true {
		response, err := t.next.RoundTrip(r)
		if again && err == nil && r.Method == http.MethodDelete && response.StatusCode == http.StatusNotFound {
			return deleted(r, response), nil
		}
		if pause.Steps == 0 || !repeatable(r, response, err) {
			return response, err
		}
		if response != nil {
			discard(response)
		}
		select {
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		case <-time.After(pause.Step()):
		}
		if r, err = anew(r); err != nil {
			return nil, err
		}
	}
}

// discard reads an answer to its end, so that its connection is used again.
func discard(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	_ = response.Body.Close()
}

// deleted is the answer to a request whose first try has deleted what the second did not find: what was asked for is done.
func deleted(r *http.Request, missing *http.Response) *http.Response {
	discard(missing)
	const text = `{"kind":"Status","apiVersion":"v1","status":"Success"}`
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: missing.Proto, ProtoMajor: missing.ProtoMajor, ProtoMinor: missing.ProtoMinor,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: r,
	}
}

// anew is a request once more, with its body from the start.
func anew(r *http.Request) (*http.Request, error) {
	if r.GetBody == nil {
		return r, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, fmt.Errorf("send the body again: %w", err)
	}
	r = r.Clone(r.Context())
	r.Body = body
	return r, nil
}

// repeatable tells whether a request had no answer that counts, and sending it twice does no harm. Where the server says
// when to come back, client-go does.
func repeatable(r *http.Request, response *http.Response, err error) bool {
	switch r.Method {
	case http.MethodGet, http.MethodPut, http.MethodDelete:
	default:
		return false
	}
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false // it can be read once only
	}
	if err != nil {
		return r.Context().Err() == nil
	}
	busy := response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError
	return busy && response.Header.Get("Retry-After") == ""
}
