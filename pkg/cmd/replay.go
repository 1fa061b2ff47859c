package cmd

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newReplay(conn connection, streams Streams) *cobra.Command {
	var output, prometheus, at string
	var last, each time.Duration
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Judge the live version's past with a blueprint's KPIs: how often would they have rolled back what was fine?",
		Example: `  kubectl dro replay foodsvc_v2.yaml --last 6h
  kubectl dro replay foodsvc_v2.yaml --at 2026-11-24T05:00:00Z`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, err := printer.For(output)
			if err != nil {
				return err
			}
			to := time.Now().Truncate(time.Second)
			from := to.Add(-last)
			if at != "" {
				if from, err = time.Parse(time.RFC3339, at); err != nil {
					return fmt.Errorf("--at %q is not a time\n  write it like 2026-11-24T05:00:00Z", at)
				}
				to = from // one launch
			}
			if last <= 0 || each < 0 || from.After(time.Now()) {
				return fmt.Errorf("there is nothing to replay from %s on\n  give a time in the past: --last 1h", from.Format(time.RFC3339))
			}
			bp, err := load(args[0], streams)
			if err != nil {
				return err
			}
			cluster, err := conn.connectFor(bp)
			if err != nil {
				return err
			}
			replay := &action.Replay{Cluster: cluster, Blueprint: bp, Prometheus: prometheus, From: from, To: to, Each: each}
			found, err := replay.Run(c.Context())
			if err != nil {
				return err
			}
			return show.Replay(streams.Out, replayRows(found))
		},
	}
	outputFlag(c, &output)
	prometheusFlag(c, &prometheus)
	c.Flags().DurationVar(&last, "last", time.Hour, "How far back to go")
	c.Flags().StringVar(&at, "at", "", "Play one launch that begins at this time instead")
	c.Flags().DurationVar(&each, "each", 0, "How long a launch takes; default: as long as the blueprint's phases hold")
	c.MarkFlagsMutuallyExclusive("last", "at")
	return c
}

func replayRows(found []kpi.Replayed) []printer.Replayed {
	var out []printer.Replayed
	for _, r := range found {
		row := printer.Replayed{Component: r.Check.Green.Component, KPI: r.Check.Name, Threshold: r.Check.Rule.Threshold.String(),
			Launches: r.Launches, Silent: r.Silent, Alarms: []printer.Alarm{}}
		for _, a := range r.Alarms {
			row.Alarms = append(row.Alarms, printer.Alarm(a))
		}
		out = append(out, row)
	}
	return out
}
