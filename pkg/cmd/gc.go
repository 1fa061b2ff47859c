package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newGC(conn connection, streams Streams) *cobra.Command {
	var output string
	var gc action.GC
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove what rollouts that have ended left behind",
		Long: `Remove what rollouts that have ended left in the namespace: tests' Jobs, standbys, Helm releases of blue that get no traffic,
leases of apps without a record. What may still serve, or belongs to a rollout that is under way or halted, stays.`,
		Example: "  kubectl dro gc --dry-run -n food-svc",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			show, stop, err := sink(output, streams.Out)
			if err != nil {
				return err
			}
			defer stop()
			if gc.Cluster, err = conn.connect(); err != nil {
				return err
			}
			gc.Events = show
			found := 0
			err = gc.Run(c.Context(), func(l action.Leftover) {
				found++
				fmt.Fprintln(streams.ErrOut, printer.Clean(outcome(l, gc.DryRun))) //nolint:errcheck // nowhere left to say it
			})
			if err == nil && found == 0 {
				_, err = fmt.Fprintf(streams.ErrOut, "nothing is left behind in namespace %s\n", gc.Cluster.Namespace)
			}
			return err
		},
	}
	c.Flags().BoolVar(&gc.DryRun, "dry-run", false, "Say what would be removed, and leave it")
	eventsFlag(c, &output)
	return c
}

// outcome says what became of a leftover.
func outcome(l action.Leftover, dry bool) string {
	text := l.What
	if l.Rollout != "" {
		text += " of " + l.Rollout
	}
	switch {
	case l.Why != "":
		return "left " + text + ": " + l.Why
	case dry:
		return "would remove " + text
	}
	return "removed " + text
}
