package printer

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
	began time.Time    // the step that is under way
	last  *event.Event // what the live line shows
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
	if t.width > 0 && t.show(e, e.Time) {
		t.last = &e
		return
	}
	for _, line := range lines(e, t.width > 0) {
		t.erase()
		fmt.Fprintln(t.out, line) //nolint:errcheck // a terminal that went away must not end a rollout
	}
}

// Tick redraws the live line, so that its seconds go on while nothing happens.
func (t *Text) Tick(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live {
		t.show(*t.last, now)
	}
}

// show draws the live line of an event, if it has one.
func (t *Text) show(e event.Event, now time.Time) bool {
	s := liveLine(e, now.Sub(t.began))
	if s == "" {
		return false
	}
	t.erase()
	if runes := []rune(s); len(runes) > t.width-2 { // two columns for an emoji's width
		s = string(runes[:max(0, t.width-3)]) + "…"
	}
	fmt.Fprint(t.out, s) //nolint:errcheck // as above
	t.live = true
	return true
}

func (t *Text) erase() {
	if t.live {
		fmt.Fprint(t.out, "\r\x1b[K") //nolint:errcheck // as above
		t.live = false
	}
}

// liveLine is what a terminal shows while a step is under way: what is awaited, how long, the KPIs.
func liveLine(e event.Event, elapsed time.Duration) string {
	elapsed = elapsed.Round(time.Second)
	switch e.Type {
	case event.StepStarted:
		return fmt.Sprintf("→ %s … (%s)", Clean(e.Step.Title), elapsed)
	case event.Progress:
		if e.Step == nil { // on the way back
			return "→ " + Clean(e.Message) + " …"
		}
		return fmt.Sprintf("→ %s … (%s) %s", Clean(e.Step.Title), elapsed, Clean(e.Message))
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
	case event.TakenOver:
		return []string{"▶ " + Clean(e.Message)}
	case event.HandedOver:
		return []string{"▶ " + Clean(e.Message), closer(e)}
	case event.RollingBack:
		if e.Traffic == nil {
			return []string{"⏪ Rolling back; green had all traffic all the time"}
		}
		return []string{fmt.Sprintf("⏪ Rolling back 100%% traffic to green (written after %s)", Seconds(e.Took))}
	case event.RolledBack:
		return append([]string{
			fmt.Sprintf("🚨 Rollback complete (took %s)", Seconds(e.Took)),
			"   cause: " + indent(Clean(e.Error)),
		}, closer(e))
	case event.Halted:
		return []string{"✋ Halted: " + Clean(e.Error), closer(e)}
	case event.Completed:
		if e.Message != "" {
			return []string{fmt.Sprintf("☑ %s: %s", Clean(e.Rollout), Clean(e.Message))}
		}
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
		return fmt.Sprintf("☒ Test FAIL (%s): %s", Seconds(e.Took), Clean(e.Error))
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

// indent keeps the lines of a text under its first.
func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n   ") }

// closer is where to look next.
func closer(e event.Event) string {
	return fmt.Sprintf("   look closer: kubectl dro status %s -n %s", Clean(e.Rollout), Clean(e.Namespace))
}

// summary shows readings, what is worst first: a terminal may be too narrow for all.
func summary(readings []event.Reading) string {
	var all []string
	worst := map[event.Verdict]int{event.Breached: 0, event.Inconclusive: 1, event.Steady: 2}
	readings = slices.SortedStableFunc(slices.Values(readings), func(a, b event.Reading) int {
		return cmp.Compare(worst[a.Verdict], worst[b.Verdict])
	})
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
