package traffic

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// Discovery says which kinds a cluster has.
type Discovery interface {
	ServerGroupsAndResourcesWithContext(ctx context.Context) ([]*metav1.APIGroup, []*metav1.APIResourceList, error)
}

// Installed are the rows whose kind the cluster has, each in the newest of its versions that is served there.
// It asks once for all.
func Installed(ctx context.Context, cluster Discovery, rows []Row) ([]Row, error) {
	_, lists, err := cluster.ServerGroupsAndResourcesWithContext(ctx)
	broken, partly := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partly {
		return nil, fmt.Errorf("ask which kinds the cluster has: %w", err)
	}
	served := map[schema.GroupVersionResource]bool{}
	for _, l := range lists {
		version, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("read which kinds the cluster has: %w", err)
		}
		for _, r := range l.APIResources {
			served[version.WithResource(r.Name)] = true
		}
	}
	var here []Row
	for _, row := range rows {
		versions := append([]string{row.Version}, row.Older...)
		i := slices.IndexFunc(versions, func(v string) bool { row.Version = v; return served[row.GVR()] })
		if i >= 0 {
			row.Version, row.Older = versions[i], nil
			here = append(here, row)
			continue
		}
		for version, err := range broken {
			if version.Group == row.Group { // whether it is there can't be told
				return nil, fmt.Errorf("ask whether the cluster has %s.%s: %w", row.Resource, row.Group, err)
			}
		}
	}
	return here, nil
}
