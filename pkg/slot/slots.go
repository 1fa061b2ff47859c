package slot

import (
	"context"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// Slots makes and removes the slots of one rollout.
type Slots struct {
	Timeout time.Duration // how long a slot may take to get ready

	namespace string
	bp        *blueprint.Blueprint
}

// New returns the slots of the rollout that bp describes.
func New(getter genericclioptions.RESTClientGetter, namespace string, bp *blueprint.Blueprint) (*Slots, error) {
	return nil, nil
}

// Inspect finds green and works out what blue will be. It changes nothing in the cluster.
func (s *Slots) Inspect(ctx context.Context) ([]Component, error) { return nil, nil }

// InstallBlue installs a release of blue with its configs and waits until it is ready.
func (s *Slots) InstallBlue(ctx context.Context, r Release, progress func(string)) error { return nil }

// VerifyIsolated checks that no Service but blue's own selects blue's pods.
func (s *Slots) VerifyIsolated(ctx context.Context, components []Component) error { return nil }

// RemoveBlue uninstalls a release of blue and all that came with it. It is fine with one that is gone already.
func (s *Slots) RemoveBlue(ctx context.Context, r Release) error { return nil }

// UpgradeGreen makes green of the release's components the new version and waits until it is ready.
func (s *Slots) UpgradeGreen(ctx context.Context, r Release, progress func(string)) error { return nil }

// InstallGreen installs green itself, on the first launch, and waits until it is ready.
func (s *Slots) InstallGreen(ctx context.Context, r Release, progress func(string)) error { return nil }

// RemoveGreen uninstalls a green that this rollout installed.
func (s *Slots) RemoveGreen(ctx context.Context, r Release) error { return nil }

// Hosts says where the slots of the components answer.
func (s *Slots) Hosts(ctx context.Context, components []Component) ([]Endpoint, error) { return nil, nil }

// HelmTest runs the tests of a release's own chart.
func (s *Slots) HelmTest(ctx context.Context, release string, log func(line string)) error { return nil }
