package cmd

import (
	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newRouters(conn connection, streams Streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "routers",
		Short: "List the routers dro knows, which of them this cluster has, and what each can do",
		Example: `  kubectl dro routers
  kubectl dro routers -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			show, err := printer.For(output)
			if err != nil {
				return err
			}
			cluster, err := conn.connect()
			if err != nil {
				return err
			}
			routers, err := (&action.Routers{Cluster: cluster}).Run(c.Context())
			if err != nil {
				return err
			}
			return show.Routers(streams.Out, routers)
		},
	}
	outputFlag(c, &output)
	return c
}
