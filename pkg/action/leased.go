package action

import (
	"errors"
	"fmt"
	"net/http"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
)

// under is the cluster for whoever holds the lease: what would change anything is sent only while the lease is known to
// be held. A process that stood still for longer than its lease lasts finds out here, before it writes.
func (c *Cluster) under(lease *record.Lease) (*Cluster, error) {
	own, err := dial(leased{c.Getter, lease}, c.Namespace)
	if err != nil {
		return nil, err
	}
	own.Self, own.Inside = c.Self, c.Inside
	return own, nil
}

// leased makes clients whose writes are preceded by a look at the lease.
type leased struct {
	genericclioptions.RESTClientGetter
	lease *record.Lease
}

func (l leased) ToRESTConfig() (*rest.Config, error) {
	config, err := l.RESTClientGetter.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return leasedTransport{next, l.lease}
	})
	return config, nil
}

type leasedTransport struct {
	next  http.RoundTripper
	lease *record.Lease
}

func (t leasedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		if err := t.confirm(r); err != nil {
			if r.Body != nil {
				err = errors.Join(err, r.Body.Close()) // as every RoundTripper must
			}
			return nil, err
		}
	}
	return t.next.RoundTrip(r)
}

func (t leasedTransport) confirm(r *http.Request) error {
	err := t.lease.Confirm(r.Context())
	var lost *record.LostError
	if errors.As(err, &lost) {
		return fmt.Errorf("%w: %w", rollout.ErrLost, err)
	}
	return err
}
