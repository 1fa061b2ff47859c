package cmd

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/printer"
	"dro.dev/kubectl-dro/pkg/record"
)

func newList(conn connection, streams Streams) *cobra.Command {
	var output string
	var everywhere bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the newest rollout of every app",
		Example: "  kubectl dro list -A",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return showRollouts(conn, streams, output, func(s *action.Status) ([]*record.Rollout, error) {
				s.Everywhere = everywhere
				return s.Run(c.Context(), "")
			})
		},
	}
	c.Flags().BoolVarP(&everywhere, "all-namespaces", "A", false, "In all namespaces")
	outputFlag(c, &output)
	return c
}

func newHistory(conn connection, streams Streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:               "history APP",
		Short:             "List the rollouts of one app, the oldest first",
		Example:           "  kubectl dro history foodsvc -n food-svc",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(conn, func(*record.Rollout) bool { return true }),
		RunE: func(c *cobra.Command, args []string) error {
			return showRollouts(conn, streams, output, func(s *action.Status) ([]*record.Rollout, error) {
				return s.History(c.Context(), args[0])
			})
		},
	}
	outputFlag(c, &output)
	return c
}

// showRollouts shows the records that read finds as a table.
func showRollouts(conn connection, streams Streams, output string, read func(*action.Status) ([]*record.Rollout, error)) error {
	show, err := printer.For(output)
	if err != nil {
		return err
	}
	cluster, err := conn.connect()
	if err != nil {
		return err
	}
	records, err := read(&action.Status{Cluster: cluster})
	if err != nil {
		return err
	}
	remind(streams, records)
	return show.Rollouts(streams.Out, records)
}

// remind says what waits for somebody to act.
func remind(streams Streams, records []*record.Rollout) {
	for _, reminder := range action.Reminders(records, time.Now()) {
		fmt.Fprintln(streams.ErrOut, printer.Clean(reminder)) //nolint:errcheck // a lost reminder must not stop the command
	}
}
