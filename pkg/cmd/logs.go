package cmd

import (
	"io"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/record"
)

func newLogs(conn connection, streams Streams) *cobra.Command {
	var output string
	var logs action.Logs
	c := &cobra.Command{
		Use:   "logs ROLLOUT|APP",
		Short: "Show what a rollout said of itself, and its tests",
		Long: `Show what a rollout said of itself, and the output of its tests, as launch showed it. It comes from the rollout's record,
which keeps the last of it. With -f, go on until the rollout has ended, whichever process drives it.`,
		Example: `  kubectl dro logs foodsvc-v2 -n food-svc
  kubectl dro logs -f foodsvc -n food-svc -o json | jq -r .type`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(conn, func(*record.Rollout) bool { return true }),
		RunE: func(c *cobra.Command, args []string) error {
			out := streams.Out
			if !logs.Follow { // what is over has no line that is redrawn
				out = struct{ io.Writer }{out}
			}
			show, stop, err := sink(output, out)
			if err != nil {
				return err
			}
			defer stop()
			if logs.Cluster, err = conn.connect(); err != nil {
				return err
			}
			logs.Events = show
			return logs.Run(c.Context(), args[0])
		},
	}
	c.Flags().BoolVarP(&logs.Follow, "follow", "f", false, "Go on until the rollout has ended")
	c.Flags().StringVarP(&output, "output", "o", "", "Output format: json, one event a line; default: for people")
	return c
}
