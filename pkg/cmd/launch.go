package cmd

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newLaunch(conn connection, streams Streams) *cobra.Command {
	var output string
	var launch action.Launch
	c := &cobra.Command{
		Use:   "launch FILE",
		Short: "Launch the release that a blueprint describes, and go back by itself when it goes bad",
		Long: `Launch the release that a blueprint describes: install it beside the live version, run its tests, move
traffic to it phase by phase while its KPIs are watched, and settle; or put everything back.
When this very blueprint's rollout is under way and nobody drives it, go on with that.

Before the first percent of traffic a standby is placed in the cluster: a small Job that takes over when this process
falls silent, and that does what onSilence: in the blueprint says. Once blue carries everything, launch leaves the keep
window and settling to it, unless it is told to --wait. Without a standby it stays to the end.

Ctrl-C rolls back. Exit codes: 0 the release is live, 2 it was rolled back, 1 anything else.`,
		Example: `  kubectl dro launch foodsvc_v2.yaml -n food-svc
  kubectl dro launch foodsvc_v2.yaml --detach
  kubectl dro launch foodsvc_v2.yaml -o json | jq -r .type`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, stop, err := sink(output, streams.Out)
			if err != nil {
				return err
			}
			defer stop()
			bp, err := load(args[0], streams)
			if err != nil {
				return err
			}
			cluster, err := conn.connectFor(bp)
			if err != nil {
				return err
			}
			launch.Cluster, launch.Blueprint, launch.Events = cluster, bp, show
			return launch.Run(c.Context())
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "Output format: json, one event a line; default: for people")
	c.Flags().BoolVar(&launch.Detach, "detach", false, "Leave the rollout to the standby as soon as that has proven itself")
	waitFlag(c, &launch.Wait)
	prometheusFlag(c, &launch.Prometheus)
	standbyFlags(c, &launch.Standby)
	fromFlag(c, &launch.FromPhase)
	reasonFlag(c, &launch.Reason)
	return c
}

func waitFlag(c *cobra.Command, wait *bool) {
	c.Flags().BoolVar(wait, "wait", false, "Stay for the keep window and for settling, even if a standby is there")
}

func reasonFlag(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "Why, for the record")
}

func fromFlag(c *cobra.Command, phase *string) {
	c.Flags().StringVar(phase, "from-phase", "", "Begin with this phase: those before it move no traffic; their tests are run")
}

// sink shows events the way the flag says; on a terminal with a live line, until stop is called.
func sink(format string, out io.Writer) (show event.Sink, stop func(), err error) {
	switch format {
	case "json":
		return printer.NewJSON(out), func() {}, nil
	case "":
		width := terminalWidth(out)
		text := printer.NewText(out, width)
		if width == 0 {
			return text, func() {}, nil
		}
		return text, ticking(text), nil
	}
	return nil, nil, fmt.Errorf("unknown output format %q; known: json", format)
}

// ticking redraws a live line every second until the function it returns is called.
func ticking(text *printer.Text) func() {
	tick, done := time.NewTicker(time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				text.Tick(now)
			}
		}
	}()
	return func() {
		tick.Stop()
		close(done)
	}
}

// terminalWidth is out's width in columns, or 0 when it is no terminal.
func terminalWidth(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
