package printer

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// KPI is a KPI that can be used; with an application, for one of its components.
type KPI struct {
	Name      string `json:"name"`
	Kind      string `json:"kind,omitempty"`
	Origin    string `json:"origin"`
	Component string `json:"component,omitempty"`
	Plane     string `json:"plane,omitempty"`
	Green     string `json:"green,omitempty"`
	Problem   string `json:"problem,omitempty"`
}

// Plane is a data plane that the built-in KPIs know.
type Plane struct {
	Name      string `json:"name"`
	Requests  string `json:"requests"`
	Durations string `json:"durations,omitempty"`
	Needs     string `json:"needs,omitempty"`
	Source    string `json:"source"`
}

// KPIs shows KPIs with their numbers, or what there is.
func (f Format) KPIs(out io.Writer, kpis []KPI, planes []Plane) error {
	if machine, err := f.data(out, map[string]any{"kpis": kpis, "planes": planes}); machine {
		return err
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	if len(kpis) > 0 && kpis[0].Component != "" {
		fmt.Fprintln(w, "COMPONENT\tKPI\tGREEN NOW\tREAD FROM")
		for _, k := range kpis {
			from, now := k.Origin, k.Green
			if k.Plane != "" {
				from = k.Plane
			}
			if now == "" {
				now, _, _ = strings.Cut("– "+Clean(k.Problem), "\n")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", Clean(k.Component), Clean(k.Name), Clean(now), Clean(from))
		}
	} else {
		fmt.Fprintln(w, "KPI\tKIND\tDEFINED BY")
		for _, k := range kpis {
			fmt.Fprintf(w, "%s\t%s\t%s\n", Clean(k.Name), k.Kind, Clean(orProblem(k)))
		}
		w.Flush()
		fmt.Fprintln(w, "\nDATA PLANE\tNEEDS")
		for _, p := range planes {
			fmt.Fprintf(w, "%s\t%s\n", p.Name, p.Needs)
		}
	}
	w.Flush()
	_, err := io.WriteString(out, text.String())
	return err
}

func orProblem(k KPI) string {
	if k.Problem == "" {
		return k.Origin
	}
	problem, _, _ := strings.Cut(k.Problem, "\n")
	return k.Origin + ": " + problem
}
