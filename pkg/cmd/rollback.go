package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/record"
)

func newRollback(conn connection, streams Streams) *cobra.Command {
	var output string
	var rollback action.Rollback
	c := &cobra.Command{
		Use:   "rollback ROLLOUT|APP",
		Short: "Bring the previous version back",
		Long: `Bring the previous version back. Until a rollout has settled this is what abort does: one write, as green is still
there. After that, the previous version is launched like any other, from the blueprint in its record or, when there is
none, with the images that the rollout found; the exit codes are then those of launch.`,
		Example:           "  kubectl dro rollback foodsvc -n food-svc --reason 'ticket 4711'",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(conn, func(r *record.Rollout) bool { return r.State != record.RolledBack }),
		RunE: func(c *cobra.Command, args []string) error {
			show, stop, err := sink(output, streams.Out)
			if err != nil {
				return err
			}
			defer stop()
			if rollback.Cluster, err = conn.connect(); err != nil {
				return err
			}
			rollback.Events = show
			answer, err := rollback.Run(c.Context(), args[0])
			if err != nil || answer == "" {
				return err
			}
			_, err = fmt.Fprintln(streams.ErrOut, answer)
			return err
		},
	}
	reasonFlag(c, &rollback.Reason)
	eventsFlag(c, &output)
	prometheusFlag(c, &rollback.Prometheus)
	standbyFlags(c, &rollback.Standby)
	waitFlag(c, &rollback.Wait)
	return c
}
