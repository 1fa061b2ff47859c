package action

import (
	"context"
	"time"

	"k8s.io/client-go/discovery"

	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// Routers says which routers dro knows, which of them the cluster has, and what each can do.
type Routers struct{ Cluster *Cluster }

// Run asks the cluster once which kinds it has, and for the router that the namespace's dro-config may bring.
func (r *Routers) Run(ctx context.Context) ([]plan.Router, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := r.Cluster.reachable(ctx); err != nil {
		return nil, err
	}
	config, err := r.Cluster.defaults(ctx)
	if err != nil {
		return nil, err
	}
	rows := traffic.Rows()
	custom, err := customRouter(config, r.Cluster.Namespace)
	if err != nil {
		return nil, err
	}
	if custom != nil {
		rows = append(rows, traffic.Custom(custom))
	}
	here, err := r.Cluster.installed(ctx, rows)
	if err != nil {
		return nil, err
	}
	served := map[string]string{}
	for _, row := range here {
		served[row.Name] = row.Version
	}
	all := make([]plan.Router, 0, len(rows))
	for _, row := range rows {
		one := plan.Router{
			Name: row.Name, Title: row.Title, Kind: row.Kind, Group: row.Group, Version: row.Version,
			Weights: row.Can.Weights, Match: row.Can.Match, Sticky: row.Can.Sticky, Mirror: row.Can.Mirror, TCP: row.Can.TCP,
			Observed: row.Observed.Says(), Note: row.Note, Docs: row.Docs,
		}
		if version, ok := served[row.Name]; ok {
			one.Installed, one.Version = true, version
		}
		all = append(all, one)
	}
	return all, nil
}

// installed are the rows whose kind the cluster has.
func (c *Cluster) installed(ctx context.Context, rows []traffic.Row) ([]traffic.Row, error) {
	return traffic.Installed(ctx, discovery.ToDiscoveryInterfaceWithContext(c.Client.Discovery()), rows)
}
