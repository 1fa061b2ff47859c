package printer

import (
	"fmt"
	"io"
	"strings"

	"github.com/guptarohit/asciigraph"

	"dro.dev/kubectl-dro/pkg/record"
)

// The size of a chart, in characters.
const (
	chartWidth  = 60
	chartHeight = 6
)

// charts shows how each KPI went over time, with its threshold.
func charts(out io.Writer, all []record.Series) {
	shown := 0
	for _, s := range all {
		if len(s.Points) < 2 {
			continue
		}
		if shown++; shown == 1 {
			fmt.Fprintln(out, "KPIs:")
		}
		var blue, limit []float64
		for _, p := range s.Points {
			blue, limit = append(blue, p.Blue), append(limit, p.Limit)
		}
		title := Clean(s.Name)
		if s.Component != "" {
			title += " of " + Clean(s.Component)
		}
		first, last := s.Points[0].At, s.Points[len(s.Points)-1].At
		fmt.Fprintf(out, "  %s, %s to %s after the start; · is the limit (%s)\n", title, Seconds(first), Seconds(last), Clean(s.Threshold))
		graph := asciigraph.PlotMany([][]float64{limit, blue},
			asciigraph.Width(chartWidth), asciigraph.Height(chartHeight), asciigraph.LowerBound(0),
			asciigraph.SeriesChars(asciigraph.CreateCharSet("·"), asciigraph.DefaultCharSet),
			asciigraph.YAxisValueFormatter(func(v float64) string { return axis(v, s.Unit) }))
		fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(graph, "\n", "\n  "))
	}
}

// axis writes a number at a chart's axis.
func axis(v float64, unit string) string {
	switch {
	case unit == "%":
		return fmt.Sprintf("%.3g%%", 100*v)
	case unit == "s" && v < 1:
		return fmt.Sprintf("%.3gms", 1000*v)
	}
	return fmt.Sprintf("%.3g%s", v, unit)
}
