package printer

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"dro.dev/kubectl-dro/pkg/plan"
)

// Routers shows the kinds of router that dro knows.
func (f Format) Routers(out io.Writer, routers []plan.Router) error {
	if machine, err := f.data(out, routers); machine {
		return err
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "ROUTER\tIS\tINSTALLED\tWEIGHTS\tMATCH\tSTICKY\tMIRROR\tTCP")
	for _, r := range routers {
		installed := "–"
		if r.Installed {
			installed = r.Version
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", Clean(r.Name), Clean(r.Title), Clean(installed),
			yes(r.Weights), yes(r.Match), yes(r.Sticky), yes(r.Mirror), yes(r.TCP))
	}
	w.Flush()
	_, err := io.WriteString(out, text.String())
	return err
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "–"
}
