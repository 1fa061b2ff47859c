package cmd

import (
	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/record"
)

func newStatus(conn connection, streams Streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "status [ROLLOUT|APP]",
		Short: "Show how rollouts stand: all apps of the namespace, or one in detail",
		Example: `  kubectl dro status -n food-svc
  kubectl dro status foodsvc-v2 -n food-svc`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRollouts(conn, func(*record.Rollout) bool { return true }),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return showRollouts(conn, streams, output, name != "", func(s *action.Status) ([]*record.Rollout, error) {
				return s.Run(c.Context(), name)
			})
		},
	}
	outputFlag(c, &output)
	return c
}

func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "", "Output format: json or yaml; default: for people")
}
