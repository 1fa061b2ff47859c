package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
)

// answerLimit is how long the API server may take to answer. It gives an admission webhook its longest time, 30 s.
const answerLimit = 32 * time.Second

// limited makes clients that don't wait for ever for a server that takes a request and never answers. What streams, a
// watch or a log, has no limit; the connection's own health check ends it.
type limited struct {
	genericclioptions.RESTClientGetter
}

func (l limited) ToRESTConfig() (*rest.Config, error) {
	config, err := l.RESTClientGetter.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return limitedTransport{next} })
	return config, nil
}

type limitedTransport struct{ next http.RoundTripper }

func (t limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if streams(r) {
		return t.next.RoundTrip(r)
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), answerLimit, unansweredError{r.Method, r.URL.Path})
	answer, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		defer cancel()
		return nil, unanswered(ctx, err)
	}
	answer.Body = limitedBody{answer.Body, ctx, cancel}
	return answer, nil
}

func streams(r *http.Request) bool {
	q := r.URL.Query()
	return q.Get("watch") == "true" || q.Get("watch") == "1" || q.Get("follow") == "true" || r.Header.Get("Upgrade") != ""
}

// limitedBody is read within the request's limit, too.
type limitedBody struct {
	io.ReadCloser
	ctx  context.Context
	done context.CancelFunc
}

func (b limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unanswered(b.ctx, err)
	}
	return n, err
}

func (b limitedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// unanswered is err, or that the limit was the reason for it. The caller's own time limit is another matter.
func unanswered(ctx context.Context, err error) error {
	var late unansweredError
	if errors.As(context.Cause(ctx), &late) {
		return late
	}
	return err
}

// unansweredError says that the API server took too long. It is no context's end: what asked may ask again.
type unansweredError struct{ method, path string }

func (e unansweredError) Error() string {
	return fmt.Sprintf("no answer to %s %s within %s", e.method, e.path, answerLimit)
}
func (unansweredError) Timeout() bool { return true }
