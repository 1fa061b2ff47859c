package cmd

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/printer"
)

func newKPIs(conn connection, streams Streams) *cobra.Command {
	var output, prometheus string
	c := &cobra.Command{
		Use:   "kpis [APP | FILE]",
		Short: "List the KPIs that can be used; of an app or blueprint, which have data and where it is read",
		Example: `  kubectl dro kpis                                    # what there is
  kubectl dro kpis foodsvc -n food-svc                # with the numbers of an app that was rolled out before
  kubectl dro kpis foodsvc_v2.yaml -n food-svc        # with those of a blueprint's components`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, err := printer.For(output)
			if err != nil {
				return err
			}
			list := &action.KPIs{Prometheus: prometheus}
			if len(args) == 1 {
				if isFile(args[0]) {
					if list.Blueprint, err = load(args[0], streams); err != nil {
						return err
					}
				} else {
					list.App = args[0]
				}
			}
			if list.Blueprint != nil {
				list.Cluster, err = conn.connectFor(list.Blueprint)
			} else {
				list.Cluster, err = conn.connect()
			}
			if err != nil {
				return err
			}
			found, err := list.Run(c.Context())
			if err != nil {
				return err
			}
			return show.KPIs(streams.Out, kpiRows(found), planeRows())
		},
	}
	outputFlag(c, &output)
	prometheusFlag(c, &prometheus)
	return c
}

// isFile says whether an argument is a blueprint and not the name of an app: it is there, or looks like a path.
func isFile(arg string) bool {
	_, err := os.Stat(arg)
	return arg == "-" || !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(arg, "/\\") ||
		strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml")
}

func kpiRows(found []action.KnownKPI) []printer.KPI {
	var out []printer.KPI
	for _, k := range found {
		out = append(out, printer.KPI(k))
	}
	return out
}

func planeRows() []printer.Plane {
	var out []printer.Plane
	for _, p := range kpi.Planes() {
		out = append(out, printer.Plane(p))
	}
	return out
}
