package cmd

import (
	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newPlan(conn connection, streams Streams) *cobra.Command {
	var output string
	var plan action.Plan
	c := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show what a launch would do, to what, with green's present KPIs; change nothing",
		Example: `  kubectl dro plan foodsvc_v2.yaml -n food-svc
  kubectl dro plan foodsvc_v2.yaml -o yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, err := printer.For(output)
			if err != nil {
				return err
			}
			bp, err := load(args[0], streams)
			if err != nil {
				return err
			}
			cluster, err := conn.connectFor(bp)
			if err != nil {
				return err
			}
			plan.Cluster, plan.Blueprint = cluster, bp
			proposal, err := plan.Run(c.Context())
			if err != nil {
				return err
			}
			return show.Proposal(streams.Out, proposal)
		},
	}
	outputFlag(c, &output)
	prometheusFlag(c, &plan.Prometheus)
	standbyFlags(c, &plan.Standby)
	fromFlag(c, &plan.FromPhase)
	return c
}

func prometheusFlag(c *cobra.Command, address *string) {
	c.Flags().StringVar(address, "prometheus", "",
		"Where the KPIs are read: a URL, or namespace/service:port through the API server; default: found in the cluster")
}
