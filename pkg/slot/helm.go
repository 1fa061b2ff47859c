package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
)

// helm is Helm for one operation: its requests end with ctx, and what it logs stays here.
type helm struct {
	*action.Configuration
	log *journal
}

// journal keeps the last thing Helm said went wrong: its errors often leave out the reason.
type journal struct{ last string }

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

// newHelm readies Helm for one operation on the namespace.
func newHelm(ctx context.Context, getter genericclioptions.RESTClientGetter, namespace string) (helm, error) {
	h := helm{new(action.Configuration), new(journal)}
	if err := h.Init(bound{getter, ctx}, namespace, "secrets", h.log.add); err != nil {
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
}

func (b bound) ToRESTConfig() (*rest.Config, error) {
	config, err := b.RESTClientGetter.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{} // they would go to the terminal
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return boundTransport{next, b.ctx} })
	return config, nil
}

type boundTransport struct {
	next http.RoundTripper
	ctx  context.Context
}

func (t boundTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	end := func() { stop(); cancel(nil) }
	response, err := t.next.RoundTrip(r.WithContext(ctx))
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
