package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
)

// helm is Helm for one operation: its requests end with ctx, and what it logs stays here.
type helm struct {
	*action.Configuration
	log *journal
}

// journal keeps the last thing Helm said went wrong, and the last request of its that did: its errors often leave out the
// reason, or have nothing but its words.
type journal struct {
	last    string
	trouble atomic.Pointer[error]
}

func (j *journal) add(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); strings.Contains(strings.ToLower(line), "fail") {
		j.last = line
	}
}

// explain adds to err what Helm logged and err does not say.
func (j *journal) explain(err error) error {
	if err == nil || j.last == "" || strings.Contains(err.Error(), j.last) || strings.Contains(j.last, err.Error()) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, j.last)
}

// note keeps why a request got no answer, or none that is of use.
func (j *journal) note(r *http.Request, answer *http.Response, err error) {
	switch {
	case err != nil:
		err = &url.Error{Op: r.Method, URL: r.URL.String(), Err: err}
	case answer.StatusCode >= http.StatusBadRequest && answer.StatusCode != http.StatusNotFound:
		err = apierrors.NewGenericServerResponse(answer.StatusCode, r.Method, schema.GroupResource{}, r.URL.Path, "", 0, true)
	default:
		return
	}
	j.trouble.Store(&err)
}

// troubled is an error of Helm's with the request's that it is about.
type troubled struct {
	error
	trouble error
}

func (t *troubled) Unwrap() []error { return []error{t.error, t.trouble} }

// because adds to err the request's that it is about, so that a caller can tell what may pass.
func (j *journal) because(err error) error {
	if trouble := j.trouble.Load(); err != nil && trouble != nil {
		return &troubled{err, *trouble}
	}
	return err
}

// newHelm readies Helm for one operation on the namespace.
func newHelm(ctx context.Context, getter genericclioptions.RESTClientGetter, namespace string) (helm, error) {
	h := helm{new(action.Configuration), new(journal)}
	if err := h.Init(bound{getter, ctx, h.log}, namespace, "secrets", h.log.add); err != nil {
		return h, fmt.Errorf("ready helm: %w", err)
	}
	if client, ok := h.KubeClient.(*kube.Client); ok {
		client.Namespace = namespace // else objects without one go to the kubeconfig's
	}
	h.SetHookOutputFunc(func(_, _, _ string) io.Writer { return io.Discard })
	return h, nil
}

// last is the newest revision of a release, nil when there is none.
func (h helm) last(name string) (*release.Release, error) {
	rel, err := h.Releases.Last(name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read helm release %s: %w", name, err)
	}
	return rel, nil
}

// deployed is the revision of a release that is in force, nil when there is none.
func (h helm) deployed(name string) (*release.Release, error) {
	rel, err := h.Releases.Deployed(name)
	if errors.Is(err, driver.ErrReleaseNotFound) || errors.Is(err, driver.ErrNoDeployedReleases) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read helm release %s: %w", name, err)
	}
	return rel, nil
}

// bound is a getter whose clients' requests end with a context: Helm 3 has none of its own for them, and an install
// that went on behind a rollback's back would undo it.
type bound struct {
	genericclioptions.RESTClientGetter
	ctx context.Context
	log *journal
}

func (b bound) ToRESTConfig() (*rest.Config, error) {
	config, err := b.RESTClientGetter.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{} // they would go to the terminal
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return boundTransport{repeatTransport{next, repeats}, b.ctx, b.log}
	})
	return config, nil
}

type boundTransport struct {
	next http.RoundTripper
	ctx  context.Context
	log  *journal
}

func (t boundTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	end := func() { stop(); cancel(nil) }
	response, err := t.next.RoundTrip(r.WithContext(ctx))
	t.log.note(r, response, err)
	if err != nil {
		if cause := context.Cause(t.ctx); cause != nil {
			err = cause
		}
		end()
		return nil, err
	}
	response.Body = boundBody{response.Body, end}
	return response, nil
}

// boundBody lets go of the request's context once the answer is read.
type boundBody struct {
	io.ReadCloser
	end func()
}

func (b boundBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
