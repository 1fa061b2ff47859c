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
	var output, prometheus string
	c := &cobra.Command{
		Use:   "launch FILE",
		Short: "Launch the release that a blueprint describes, and go back by itself when it goes bad",
		Long: `Launch the release that a blueprint describes: install it beside the live version, run its tests, move
traffic to it phase by phase while its KPIs are watched, and settle; or put everything back.

Ctrl-C rolls back. Exit codes: 0 the release is live, 2 it was rolled back, 1 anything else.`,
		Example: `  kubectl dro launch foodsvc_v2.yaml -n food-svc
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
			launch := action.Launch{Cluster: cluster, Blueprint: bp, Prometheus: prometheus, Events: show}
			return launch.Run(c.Context())
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "Output format: json, one event a line; default: for people")
	prometheusFlag(c, &prometheus)
	return c
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
