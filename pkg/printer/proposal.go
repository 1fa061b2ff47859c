package printer

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"dro.dev/kubectl-dro/pkg/plan"
)

// Proposal shows what a launch would do.
func (f Format) Proposal(out io.Writer, p *plan.Proposal) error {
	if machine, err := f.data(out, p); machine {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Rollout %s of app %s in namespace %s\n", Clean(p.Rollout), Clean(p.App), Clean(p.Namespace))
	section(&text, "Images", len(p.Components))
	for _, c := range p.Components {
		change := Clean(orNew(c.Green)) + " → " + Clean(c.Blue)
		if c.Green == c.Blue {
			change = Clean(c.Blue) + ", as it is: left alone"
		}
		fmt.Fprintf(&text, "  %s: %s\n", Clean(c.Name), change)
	}
	section(&text, "Steps", len(p.Steps))
	for i, s := range p.Steps {
		fmt.Fprintf(&text, "  %2d. %s\n", i+1, Clean(s.Title))
	}
	section(&text, "Routers, as the first phase changes them", len(p.Routes))
	for _, r := range p.Routes {
		fmt.Fprintf(&text, "  %s\n", Clean(r.Object))
		for _, change := range r.Changes {
			fmt.Fprintf(&text, "    %s\n", Clean(change))
		}
	}
	gitOps(&text, p.Routes)
	section(&text, "KPIs, green now (from "+Clean(p.Metrics)+")", len(p.KPIs))
	kpis(&text, p.KPIs)
	section(&text, "Requests of blue's it takes to see more bad ones than allowed, with green's present traffic", len(p.Sights))
	sights(&text, p.Sights)
	section(&text, "Good to know", len(p.Notes))
	for _, n := range p.Notes {
		fmt.Fprintf(&text, "  %s\n", strings.ReplaceAll(Clean(n), "\n", "\n    "))
	}
	text.WriteString("\nNothing was changed.\n")
	_, err := io.WriteString(out, text.String())
	return err
}

func section(out io.Writer, title string, n int) {
	if n > 0 {
		fmt.Fprintf(out, "\n%s:\n", title)
	}
}

func kpis(out io.Writer, all []plan.KPI) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, k := range all {
		green := k.Green
		if green == "" {
			green = "no data"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t(wanted %s)\t%s\n", Clean(k.Name), Clean(k.Component), Clean(green), Clean(k.Threshold), Clean(k.Note))
	}
	w.Flush()
}

// gitOps shows what the tools that routes come from need to know.
func gitOps(out io.Writer, routes []plan.Route) {
	var lines []string
	for _, r := range routes {
		for _, line := range r.GitOps {
			lines = append(lines, Clean(line))
		}
	}
	section(out, "While the rollout runs, these must not be written back (docs/gitops.md)", len(lines))
	for _, line := range lines {
		fmt.Fprintf(out, "  %s\n", line)
	}
}

// sights shows for each phase how many requests it has, and how many it takes to see a breach of so many times.
func sights(out io.Writer, all []plan.Sight) {
	if len(all) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "  phase\tKPI\tcomponent\trequests in its hold")
	for _, n := range all[0].Needs {
		fmt.Fprintf(w, "\t%.0f times as many", n.Times)
	}
	fmt.Fprintln(w)
	for _, s := range all {
		fmt.Fprintf(w, "  %s %d%%\t%s\t%s\t%.0f in %s", Clean(s.Phase), s.Traffic, Clean(s.KPI), Clean(s.Component), s.Requests, Seconds(s.Hold))
		for _, n := range s.Needs {
			after := "never"
			if n.Seconds > 0 {
				after = Seconds(n.Seconds)
			}
			fmt.Fprintf(w, "\t%.0f (%s)", n.Requests, after)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}
