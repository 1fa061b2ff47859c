package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/record"
)

// newSteer makes a command that asks something of a rollout under way, whichever process drives it.
func newSteer(conn connection, streams Streams, verb record.Verb, short, long string) *cobra.Command {
	var output string
	steer := action.Steer{Verb: verb}
	c := &cobra.Command{
		Use:     string(verb) + " ROLLOUT|APP",
		Short:   short,
		Long:    long,
		Example: fmt.Sprintf("  kubectl dro %s foodsvc-v2 -n food-svc --reason 'ticket 4711'", verb),
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(conn, func(r *record.Rollout) bool {
			if verb == record.Retry {
				return r.State == record.Halted
			}
			return !r.State.Ended()
		}),
		RunE: func(c *cobra.Command, args []string) error {
			show, stop, err := sink(output, streams.Out)
			if err != nil {
				return err
			}
			defer stop()
			if steer.Cluster, err = conn.connect(); err != nil {
				return err
			}
			steer.Events = show
			answer, err := steer.Run(c.Context(), args[0])
			if err != nil || answer == "" {
				return err
			}
			_, err = fmt.Fprintln(streams.ErrOut, answer)
			return err
		},
	}
	reasonFlag(c, &steer.Reason)
	eventsFlag(c, &output)
	if verb == record.Promote {
		c.Flags().BoolVar(&steer.Full, "full", false, "Skip the phases between here and 100%")
	}
	return c
}

func newAbort(conn connection, streams Streams) *cobra.Command {
	return newSteer(conn, streams, record.Abort, "Give all traffic back to green and end the rollout",
		`Give all traffic back to green and end the rollout, whatever it is doing. A live launcher acts within a second;
when none is alive, this command does the work itself. Once green is being replaced there is nothing to abort.`)
}

func newPause(conn connection, streams Streams) *cobra.Command {
	return newSteer(conn, streams, record.Pause, "Go no further, and keep watching",
		`Go no further: the present share stays, the KPIs are watched on, and a breach still rolls back.`)
}

func newResume(conn connection, streams Streams) *cobra.Command {
	return newSteer(conn, streams, record.Resume, "Go on with a rollout that is paused, or whose launcher died",
		`Go on with a rollout that is paused. When no launcher is alive, this command takes the rollout over and drives it from
where its record says it is; its exit codes are then those of launch.`)
}

func newPromote(conn connection, streams Streams) *cobra.Command {
	return newSteer(conn, streams, record.Promote, "Open the gate of the phase that is held",
		`Open the gate of the phase that is held, before its time or where it waits for a person's word.`)
}

func newSettle(conn connection, streams Streams) *cobra.Command {
	return newSteer(conn, streams, record.Settle, "End the keep window now: green becomes the new version",
		`End the keep window now: green becomes the new version, takes the traffic back, and blue is removed. From then on there
is no instant way back. When no launcher is alive, this command does the work itself; its exit codes are then those of launch.`)
}

func newRetry(conn connection, streams Streams) *cobra.Command {
	return newSteer(conn, streams, record.Retry, "Go on with a rollout that halted",
		`Go on with a rollout that halted, from the step that failed; or on its way back to green, when it halted there. This
command does the work itself; its exit codes are those of launch.`)
}

func eventsFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "", "Output format of the events, if this command does the work: json; default: for people")
}

// completeRollouts completes the ids of the namespace's rollouts that are wanted.
func completeRollouts(conn connection, wanted func(*record.Rollout) bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cluster, err := conn.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		records, err := (&action.Status{Cluster: cluster}).Run(c.Context(), "")
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var ids []string
		for _, r := range records {
			if wanted(r) {
				ids = append(ids, r.ID)
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
