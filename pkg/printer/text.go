package printer

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
)

// Text shows a rollout's events as lines for people. On a terminal the last line is live while something is awaited.
type Text struct {
	mu    sync.Mutex
	out   io.Writer
	width int // of the terminal; 0 when out is none
	live  bool
	began time.Time // the step that is under way
}

// NewText returns a Text that writes to out, which is a terminal of the given width, or none if that is 0.
func NewText(out io.Writer, width int) *Text { return &Text{out: out, width: width} }

// Emit shows one event.
func (t *Text) Emit(e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Type == event.StepStarted {
		t.began = e.Time
	}
	if t.width > 0 {
		if s := liveLine(e, t.began); s != "" {
			t.show(s)
			return
		}
	}
	for _, line := range lines(e, t.width > 0) {
		t.erase()
		fmt.Fprintln(t.out, line) //nolint:errcheck // a terminal that went away must not end a rollout
	}
}

func (t *Text) show(s string) {
	t.erase()
	if runes := []rune(s); len(runes) > t.width-2 { // two columns for an emoji's width
		s = string(runes[:max(0, t.width-3)]) + "…"
	}
	fmt.Fprint(t.out, s) //nolint:errcheck // as above
	t.live = true
}

func (t *Text) erase() {
	if t.live {
		fmt.Fprint(t.out, "\r\x1b[K") //nolint:errcheck // as above
		t.live = false
	}
}

// liveLine is what a terminal shows while a step is under way: what is awaited, how long, the KPIs.
func liveLine(e event.Event, began time.Time) string {
	elapsed := e.Time.Sub(began).Round(time.Second)
	switch e.Type {
	case event.StepStarted:
		return "→ " + Clean(e.Step.Title) + " …"
	case event.Progress:
		if e.Step == nil { // on the way back
			return "→ " + Clean(e.Message) + " …"
		}
		return fmt.Sprintf("→ %s … %s (%s)", Clean(e.Step.Title), Clean(e.Message), elapsed)
	case event.KPIs:
		return fmt.Sprintf("→ %s %s  %s", holding(e.Step), e.Message, summary(e.KPIs))
	}
	return ""
}

func holding(s *event.Step) string {
	if s.Kind == plan.Keep {
		return "Green is kept warm,"
	}
	return fmt.Sprintf("Shift %d%% traffic …", s.Traffic)
}

// lines is what stays on the screen for an event.
func lines(e event.Event, terminal bool) []string {
	switch e.Type {
	case event.Started:
		return started(e)
	case event.StepDone:
		return done(e, terminal)
	case event.StepFailed:
		return []string{failed(e, terminal)}
	case event.Shifted:
		if !terminal && *e.Traffic > 0 {
			return []string{fmt.Sprintf("→ Shift %d%% traffic …", *e.Traffic)}
		}
	case event.TestLog:
		return []string{"    " + Clean(redrawn(e.Message))}
	case event.Warning:
		return []string{"⚠️ " + Clean(e.Message)}
	case event.Paused:
		return []string{paused(e)}
	case event.Waiting:
		return []string{fmt.Sprintf("✋ %d%% held: waiting for kubectl dro promote %s -n %s", e.Step.Traffic, Clean(e.Rollout), Clean(e.Namespace))}
	case event.Resumed:
		return []string{"▶ " + Clean(e.Message)}
	case event.RollingBack:
		if e.Traffic == nil {
			return []string{"⏪ Rolling back; green had all traffic all the time"}
		}
		return []string{"⏪ Rolling back 100% traffic to green"}
	case event.RolledBack:
		return append([]string{
			fmt.Sprintf("🚨 Rollback complete (took %s)", Seconds(e.Took)),
			"   cause: " + Clean(e.Error),
		}, closer(e))
	case event.Halted:
		return []string{"✋ Halted: " + Clean(e.Error), closer(e)}
	case event.Completed:
		return []string{fmt.Sprintf("🎉 %s is live (took %s)", Clean(e.Rollout), Seconds(e.Took))}
	}
	return nil
}

func started(e event.Event) []string {
	all := []string{"☑ Images resolved"}
	for _, i := range e.Images {
		was := i.Green
		if was == "" {
			was = "new"
		}
		all = append(all, fmt.Sprintf("    %s: %s → %s", Clean(i.Component), Clean(was), Clean(i.Blue)))
	}
	return all
}

// done is the line of a step that went well. Steps that people do not think of separately have none.
func done(e event.Event, terminal bool) []string {
	switch e.Step.Kind {
	case plan.Hold:
		if !terminal {
			return []string{"    ✅ KPIs steady"}
		}
		return []string{fmt.Sprintf("→ Shift %d%% traffic …  ✅ KPIs steady", e.Step.Traffic)}
	case plan.Test:
		return []string{fmt.Sprintf("☑ %s (%s)", Clean(e.Step.Done), Seconds(e.Took))}
	}
	if e.Step.Done == "" {
		return nil
	}
	note := ""
	if e.Message != "" {
		note = " (" + Clean(e.Message) + ")"
	}
	return []string{"☑ " + Clean(e.Step.Done) + note}
}

func failed(e event.Event, terminal bool) string {
	switch e.Step.Kind {
	case plan.Hold:
		if !terminal {
			return "    ⚠️ " + Clean(e.Error)
		}
		return fmt.Sprintf("→ Shift %d%% traffic … ⚠️ %s", e.Step.Traffic, Clean(e.Error))
	case plan.Test:
		return fmt.Sprintf("☒ Test %s FAIL (%s): %s", strings.TrimPrefix(e.Step.ID, plan.Test+"/"), Seconds(e.Took), Clean(e.Error))
	}
	return fmt.Sprintf("☒ %s: %s", Clean(e.Step.Title), Clean(e.Error))
}

func paused(e event.Event) string {
	if e.Error == "" {
		return "⏸ " + Clean(e.Message)
	}
	name := Clean(e.Rollout) + " -n " + Clean(e.Namespace)
	return fmt.Sprintf("⏸ Paused with %d%% on blue: %s\n   go on:     kubectl dro resume %s\n   give back: kubectl dro abort %s",
		e.Step.Traffic, Clean(e.Error), name, name)
}

// closer is where to look next.
func closer(e event.Event) string {
	return fmt.Sprintf("   look closer: kubectl dro status %s -n %s", Clean(e.Rollout), Clean(e.Namespace))
}

func summary(readings []event.Reading) string {
	var all []string
	for _, r := range readings {
		sign := map[event.Verdict]string{event.Steady: "✓", event.Breached: "✗"}[r.Verdict]
		if sign == "" {
			sign = "?"
		}
		value := r.Blue
		if value == "" {
			value = "no data"
		}
		all = append(all, fmt.Sprintf("%s %s %s (%s)", sign, Clean(label(r)), Clean(value), Clean(r.Threshold)))
	}
	return strings.Join(all, "  ")
}

func label(r event.Reading) string {
	if r.Component == "" {
		return r.Name
	}
	return r.Name + "/" + r.Component
}

// redrawn is what a terminal would show at last of a line that a program draws over and over, as curl its progress.
func redrawn(line string) string {
	line = strings.TrimRight(line, "\r\n")
	return line[strings.LastIndex(line, "\r")+1:]
}

// Seconds shows a time as people say it: 0.4 s, 12 s, 3 m 5 s.
func Seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 60:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%d m %d s", int(s)/60, int(s)%60)
}

// Clean makes text from the cluster harmless to a terminal: control characters become visible, line ends stay.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf) {
			return '\uFFFD'
		}
		return r
	}, strings.TrimRight(s, "\r\n"))
}
