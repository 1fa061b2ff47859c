package cmd

import (
	"context"
	"fmt"
	"strings"

	"dro.dev/kubectl-dro/pkg/action"
)

// showDrift shows how the routers of a rollout are other than it left them.
func showDrift(ctx context.Context, conn connection, streams Streams, name string) error {
	cluster, err := conn.connect()
	if err != nil {
		return err
	}
	status := &action.Status{Cluster: cluster}
	records, err := status.Run(ctx, name)
	if err != nil {
		return err
	}
	drifts, err := status.Drift(ctx, records[0])
	if err != nil {
		return err
	}
	if len(drifts) == 0 {
		drifts = []string{"The routers are as rollout " + records[0].ID + " left them."}
	}
	_, err = fmt.Fprintln(streams.Out, strings.Join(drifts, "\n"))
	return err
}
