package printer

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/pkg/record"
)

// Format is how a result is shown once: for people, as JSON or as YAML.
type Format string

// For returns the format called name.
func For(name string) (Format, error) {
	switch name {
	case "", "json", "yaml":
		return Format(name), nil
	}
	return "", fmt.Errorf("unknown output format %q; known: json, yaml", name)
}

// data writes v when the format is one for machines, and reports whether it was.
func (f Format) data(out io.Writer, v any) (bool, error) {
	switch f {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return true, e.Encode(v)
	case "yaml":
		text, err := yaml.Marshal(v)
		if err != nil {
			return true, err
		}
		_, err = out.Write(text)
		return true, err
	}
	return false, nil
}

// Rollout shows one record in detail, with who drives it, if anybody.
func (f Format) Rollout(out io.Writer, r *record.Rollout, driver string) error {
	if machine, err := f.data(out, []*record.Rollout{r}); machine {
		return err
	}
	var text strings.Builder
	describe(&text, r, driver)
	_, err := io.WriteString(out, text.String())
	return err
}

// Rollouts shows records as a table.
func (f Format) Rollouts(out io.Writer, records []*record.Rollout) error {
	if machine, err := f.data(out, records); machine {
		return err
	}
	if len(records) == 0 {
		_, err := fmt.Fprintln(out, "No rollouts in this namespace.")
		return err
	}
	var text strings.Builder
	table(&text, records)
	_, err := io.WriteString(out, text.String())
	return err
}

func table(out io.Writer, records []*record.Rollout) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAMESPACE\tROLLOUT\tAPP\tSTATE\tTRAFFIC\tSTARTED\tCAUSE")
	for _, r := range records {
		cause, _, _ := strings.Cut(Clean(r.Cause), "\n")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d%%\t%s\t%s\n", Clean(r.Namespace), Clean(r.ID), Clean(r.App), r.State, r.Traffic, stamp(&r.Started), cause)
	}
	w.Flush()
}

func describe(out io.Writer, r *record.Rollout, driver string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Rollout:\t%s (number %d of app %s, namespace %s)\n", Clean(r.ID), r.Number, Clean(r.App), Clean(r.Namespace))
	fmt.Fprintf(w, "State:\t%s\n", r.State)
	fmt.Fprintf(w, "Traffic:\t%d%% blue, %d%% green\n", r.Traffic, 100-r.Traffic)
	if r.Cause != "" {
		fmt.Fprintf(w, "Cause:\t%s\n", strings.ReplaceAll(Clean(r.Cause), "\n", "\n\t"))
	}
	if driver != "" {
		fmt.Fprintf(w, "Driven by:\t%s\n", Clean(driver))
	}
	fmt.Fprintf(w, "Started:\t%s%s\n", stamp(&r.Started), starter(r))
	if r.Ended != nil {
		fmt.Fprintf(w, "Ended:\t%s, after %s\n", stamp(r.Ended), Seconds(r.Ended.Sub(r.Started).Seconds()))
	}
	for _, c := range r.Components {
		fmt.Fprintf(w, "Image:\t%s: %s → %s\n", Clean(c.Name), Clean(orNew(c.Green)), Clean(c.Blue))
	}
	w.Flush()
	fmt.Fprintln(out, "Steps:")
	for _, s := range r.Steps {
		fmt.Fprintf(out, "  %s %s%s\n", mark(s.Progress), Clean(s.Title), note(s))
	}
	charts(out, r.KPIs)
}

// starter says who launched a rollout and why, as far as the record tells.
func starter(r *record.Rollout) string {
	text := ""
	if r.By != "" {
		text = " by " + Clean(r.By)
	}
	if r.Reason != "" {
		text += ": " + Clean(r.Reason)
	}
	return text
}

func mark(p record.Progress) string {
	switch p {
	case record.Done:
		return "☑"
	case record.Failed:
		return "☒"
	case record.Running:
		return "→"
	}
	return "☐"
}

func note(s record.Step) string {
	var took string
	if s.Started != nil && s.Ended != nil {
		took = " (" + Seconds(s.Ended.Sub(*s.Started).Seconds()) + ")"
	}
	if s.Note == "" {
		return took
	}
	return took + ": " + strings.ReplaceAll(Clean(s.Note), "\n", "\n      ")
}

func orNew(image string) string {
	if image == "" {
		return "new"
	}
	return image
}

func stamp(t *time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
