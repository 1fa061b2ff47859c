package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/printer"
	"dro.dev/kubectl-dro/pkg/record"
)

func newStatus(conn connection, streams Streams) *cobra.Command {
	var output string
	var watch, diff bool
	c := &cobra.Command{
		Use:   "status [ROLLOUT|APP]",
		Short: "Show how rollouts stand: all apps of the namespace, or one in detail",
		Example: `  kubectl dro status -n food-svc
  kubectl dro status foodsvc-v2 -n food-svc
  kubectl dro status -w foodsvc -n food-svc
  kubectl dro status foodsvc-v2 -n food-svc --diff`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRollouts(conn, func(*record.Rollout) bool { return true }),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case diff && len(args) == 0:
				return errors.New("--diff needs a rollout\n  name one: kubectl dro status ROLLOUT --diff")
			case diff:
				return showDrift(c.Context(), conn, streams, args[0])
			case len(args) > 0:
				return showRollout(c.Context(), conn, streams, output, args[0], watch)
			case watch:
				return errors.New("-w watches one rollout: name it or its app\n  see which there are: kubectl dro list")
			}
			return showRollouts(conn, streams, output, func(s *action.Status) ([]*record.Rollout, error) {
				return s.Run(c.Context(), "")
			})
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "Show it again at each change, until the rollout has ended")
	c.Flags().BoolVar(&diff, "diff", false, "Show how the routers are other than the rollout wrote them or, once it is over, found them")
	outputFlag(c, &output)
	return c
}

// showRollout shows one rollout in detail: once, or at each change until it has ended.
func showRollout(ctx context.Context, conn connection, streams Streams, output, name string, watch bool) error {
	show, err := printer.For(output)
	if err != nil {
		return err
	}
	cluster, err := conn.connect()
	if err != nil {
		return err
	}
	status := &action.Status{Cluster: cluster}
	if watch {
		return status.Watch(ctx, name, func(rec *record.Rollout, driver string) error {
			if output == "" && terminalWidth(streams.Out) > 0 {
				fmt.Fprint(streams.Out, "\x1b[H\x1b[2J") //nolint:errcheck // what comes next says so
			}
			return show.Rollout(streams.Out, rec, driver)
		})
	}
	records, err := status.Run(ctx, name)
	if err != nil {
		return err
	}
	driver, err := status.Driver(ctx, records[0])
	if err != nil {
		return err
	}
	remind(streams, records)
	return show.Rollout(streams.Out, records[0], driver)
}

func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "", "Output format: json or yaml; default: for people")
}
