package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

func newValidate(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "validate FILE",
		Short:   "Check a blueprint without a cluster",
		Example: "  kubectl dro validate foodsvc_v2.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			bp, err := load(args[0], streams)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(streams.Out, "%s is valid: rollout %s of app %s, %d components, %d tests, %d KPIs, %d phases\n",
				args[0], bp.ID, bp.App, len(bp.Images), len(bp.Tests), len(bp.KPI), len(bp.Phases))
			return err
		},
	}
}

// load reads a blueprint, from standard input if path is "-", and shows its warnings.
func load(path string, streams Streams) (*blueprint.Blueprint, error) {
	read := blueprint.Load
	if path == "-" {
		read = func(path string) (*blueprint.Blueprint, []blueprint.Warning, error) {
			text, err := io.ReadAll(streams.In)
			if err != nil {
				return nil, nil, fmt.Errorf("read the blueprint from standard input: %w", err)
			}
			return blueprint.Parse(path, text)
		}
	}
	bp, warnings, err := read(path)
	for _, w := range warnings {
		fmt.Fprintln(streams.ErrOut, "warning:", w) //nolint:errcheck // a lost warning must not stop the command
	}
	return bp, err
}
