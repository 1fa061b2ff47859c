package printer_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/printer"
	"dro.dev/kubectl-dro/pkg/record"
)

// story is a rollout that breaches at 50 %.
func story() []event.Event {
	began := time.Date(2026, 6, 15, 14, 11, 0, 0, time.UTC)
	step := func(kind, name, done string, traffic int) *event.Step {
		return &event.Step{ID: kind + "/" + name, Kind: kind, Title: kind + " " + name, Done: done, Traffic: traffic}
	}
	share := func(p int) *int { return &p }
	install, smoke := step(plan.Install, "svc-blue", "Blue is up: svc", 0), step(plan.Test, "smoke", "Test smoke PASS", 0)
	bad := []event.Reading{{Name: "error_rate", Component: "svc", Verdict: event.Breached, Blue: "2.1%", Threshold: "< 0.5%", Reason: "2.1% > 0.5%"}}
	all := []event.Event{
		{Type: event.Started, Images: []event.Image{{Component: "svc", Green: "svc:1", Blue: "svc:2"}, {Component: "new", Blue: "new:1"}}},
		{Type: event.StepStarted, Step: install},
		{Type: event.Progress, Step: install, Message: "1/2 ready"},
		{Type: event.StepDone, Step: install, Message: "2/2 ready", Took: 3},
		{Type: event.StepStarted, Step: smoke},
		{Type: event.TestLog, Step: smoke, Message: "  0 %\r 50 %\rall well \x1b[31m"},
		{Type: event.StepDone, Step: smoke, Took: 0.31},
		{Type: event.Shifted, Traffic: share(1)},
		{Type: event.StepDone, Step: step(plan.Hold, "canary", "", 1)},
		{Type: event.Shifted, Traffic: share(50)},
		{Type: event.KPIs, Step: step(plan.Hold, "ramp-up", "", 50), KPIs: bad, Message: "4s of 30s"},
		{Type: event.StepFailed, Step: step(plan.Hold, "ramp-up", "", 50), Error: "error_rate of svc 2.1% > 0.5%"},
		{Type: event.RollingBack, Traffic: share(0), Took: 0.1, Error: "error_rate of svc 2.1% > 0.5%"},
		{Type: event.RolledBack, Error: "error_rate of svc 2.1% > 0.5%", Took: 6.4},
	}
	for i := range all {
		all[i].Time = began.Add(time.Duration(i) * time.Second)
		all[i].Rollout, all[i].App, all[i].Namespace = "food-v2", "food", "food-svc"
	}
	return all
}

func TestTextInAPipe(t *testing.T) {
	var out bytes.Buffer
	text := printer.NewText(&out, 0)
	for _, e := range story() {
		text.Emit(e)
	}
	want := `☑ Images resolved
    svc: svc:1 → svc:2
    new: new → new:1
☑ Blue is up: svc (2/2 ready)
    all well �[31m
☑ Test smoke PASS (0.3 s)
→ Shift 1% traffic …
    ✅ KPIs steady
→ Shift 50% traffic …
    ⚠️ error_rate of svc 2.1% > 0.5%
⏪ Rolling back 100% traffic to green (written after 0.1 s)
🚨 Rollback complete (took 6.4 s)
   cause: error_rate of svc 2.1% > 0.5%
   look closer: kubectl dro status food-v2 -n food-svc
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTextOnATerminal(t *testing.T) {
	var out bytes.Buffer
	text := printer.NewText(&out, 40)
	for _, e := range story() {
		text.Emit(e)
	}
	got := out.String()
	for _, want := range []string{
		"\r\x1b[K→ install svc-blue … (1s) 1/2 ready", // live: redrawn in place
		"→ Shift 50% traffic … ⚠️ error_rate of svc 2.1% > 0.5%\n",
		"→ Shift 1% traffic …  ✅ KPIs steady\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	for _, line := range strings.FieldsFunc(got, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if live, ok := strings.CutPrefix(line, "\x1b[K"); ok && strings.HasSuffix(live, "…") && len([]rune(live)) > 40 {
			t.Errorf("a live line is wider than the terminal: %q", live)
		}
	}
	if strings.Count(got, "\x1b[31m") > 0 {
		t.Error("a test's escape sequence reached the terminal")
	}
}

func TestJSONIsOneEventALine(t *testing.T) {
	var out bytes.Buffer
	lines := printer.NewJSON(&out)
	for _, e := range story() {
		lines.Emit(e)
	}
	got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(got) != len(story()) {
		t.Fatalf("%d lines for %d events", len(got), len(story()))
	}
	var back event.Event
	if err := json.Unmarshal([]byte(got[9]), &back); err != nil || back.Type != event.Shifted || *back.Traffic != 50 {
		t.Errorf("line 9 is %s (%v)", got[9], err)
	}
}

func TestRolloutsAsTable(t *testing.T) {
	started := time.Date(2026, 6, 15, 14, 11, 0, 0, time.UTC)
	ended := started.Add(75 * time.Second)
	r := &record.Rollout{
		ID: "food-v2", App: "food", Namespace: "food-svc", Number: 3, State: record.RolledBack, Started: started, Ended: &ended,
		Cause: "error_rate of svc 2.1% > 0.5%\nand more", Components: []record.Component{{Name: "svc", Green: "svc:1", Blue: "svc:2"}},
		Steps: []record.Step{
			{Title: "install blue", Progress: record.Done, Started: &started, Ended: &ended},
			{Title: "hold 50%", Progress: record.Failed, Note: "2.1% > 0.5%"},
			{Title: "settle"},
		},
	}
	var table, detail bytes.Buffer
	if err := printer.Format("").Rollouts(&table, []*record.Rollout{r}); err != nil {
		t.Fatal(err)
	}
	if want := "NAMESPACE   ROLLOUT   APP    STATE        TRAFFIC   STARTED                CAUSE\n" +
		"food-svc    food-v2   food   RolledBack   0%        2026-06-15 14:11:00Z   error_rate of svc 2.1% > 0.5%\n"; table.String() != want {
		t.Errorf("got\n%q\nwant\n%q", table.String(), want)
	}
	if err := printer.Format("").Rollout(&detail, r, "ann@laptop\x1b (process 1)"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"number 3 of app food", "after 1 m 15 s", "svc: svc:1 → svc:2", "☑ install blue (1 m 15 s)", "☒ hold 50%: 2.1% > 0.5%", "☐ settle", "ann@laptop\uFFFD (process 1)"} {
		if !strings.Contains(detail.String(), want) {
			t.Errorf("detail lacks %q:\n%s", want, detail.String())
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := printer.For("jsn"); err == nil || !strings.Contains(err.Error(), "json, yaml") {
		t.Errorf("got %v", err)
	}
}
