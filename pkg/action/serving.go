package action

import (
	"context"
	"fmt"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/slot"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// observeTime is how long routers may take to say that they have taken what their routes say.
const observeTime = 30 * time.Second

// serving says why a release of blue may still get traffic; empty: it gets none. What can't be found out is a reason.
func serving(ctx context.Context, c *Cluster, rel slot.Leftover) string {
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	slots, err := c.slots(&blueprint.Blueprint{ID: rel.Rollout, App: rel.App})
	if err == nil {
		err = slots.VerifyIsolated(ctx, nil)
	}
	if err != nil {
		return "a service may lead to it: " + err.Error()
	}
	for _, service := range rel.Services {
		if err := c.unnamed(ctx, service); err != nil {
			return err.Error()
		}
	}
	return ""
}

// unnamed checks that no route names a Service, and that the routers know.
func (c *Cluster) unnamed(ctx context.Context, service string) error {
	rows, err := c.installed(ctx, traffic.Rows())
	if err != nil {
		return err
	}
	routes, err := traffic.All(ctx, c.Dynamic, rows, c.Namespace, service, service)
	if err != nil {
		return err
	}
	naming, err := traffic.Naming(routes)
	if err != nil {
		return err
	}
	if len(naming) > 0 {
		return fmt.Errorf("%s names its service %s", naming[0], service)
	}
	// One of them may have named it until this moment.
	return (&traffic.Mover{Client: c.Dynamic}).Observed(ctx, routes)
}
