package cmd

import (
	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newStatus(conn connection, streams Streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "status [ROLLOUT|APP]",
		Short: "Show how rollouts stand: all apps of the namespace, or one in detail",
		Example: `  kubectl dro status -n food-svc
  kubectl dro status foodsvc-v2 -n food-svc`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, err := printer.For(output)
			if err != nil {
				return err
			}
			cluster, err := conn.connect()
			if err != nil {
				return err
			}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			status := action.Status{Cluster: cluster}
			records, err := status.Run(c.Context(), name)
			if err != nil {
				return err
			}
			return show.Rollouts(streams.Out, records, name != "")
		},
	}
	outputFlag(c, &output)
	return c
}

func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "", "Output format: json or yaml; default: for people")
}
