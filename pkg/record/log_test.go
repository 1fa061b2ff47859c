package record_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

func logOf(events ...event.Event) []event.Event {
	var log []event.Event
	for _, e := range events {
		log = record.Logged(log, e)
	}
	return log
}

func sample(verdict event.Verdict, reason string) event.Event {
	return event.Event{Type: event.KPIs, Step: &event.Step{ID: "hold/canary"}, KPIs: []event.Reading{{Name: "error_rate", Verdict: verdict, Reason: reason}}}
}

func TestTheLogKeepsVerdictsThatChangeAndTheLast(t *testing.T) {
	log := logOf(
		sample(event.Inconclusive, "1"), sample(event.Steady, "2"), sample(event.Steady, "3"), sample(event.Steady, "4"),
		sample(event.Breached, "5"), sample(event.Breached, "6"), sample(event.Breached, "7"),
	)
	var got []string
	for _, e := range log {
		got = append(got, e.KPIs[0].Reason)
	}
	if want := []string{"1", "2", "4", "5", "7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheLogKeepsTheLastProgressOfAStep(t *testing.T) {
	progress := func(step, text string) event.Event {
		return event.Event{Type: event.Progress, Step: &event.Step{ID: step}, Message: text}
	}
	log := logOf(progress("install/a", "0/2"), progress("install/a", "1/2"), progress("install/b", "0/2"), event.Event{Type: event.Progress, Message: "removing blue"})
	if len(log) != 3 || log[0].Message != "1/2" || log[2].Message != "removing blue" {
		t.Errorf("got %+v", log)
	}
}

// A log of any events stays small, in order, and without loss of what matters.
func TestTheLogIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	types := []event.Type{event.TestLog, event.TestLog, event.TestLog, event.TestLog, event.KPIs, event.Progress, event.Warning}
	at := time.Now()
	log := logOf(event.Event{Type: event.Started, Time: at})
	warnings := 1
	for range 5000 {
		e := event.Event{Time: at, Type: types[random.IntN(len(types))], Message: strings.Repeat("é", random.IntN(1000))}
		if e.Type == event.Warning && random.IntN(10) > 0 || warnings == 100 && e.Type == event.Warning {
			continue
		}
		if e.Type == event.Warning {
			warnings++
		}
		if e.Type == event.KPIs {
			e.KPIs = []event.Reading{{Name: "error_rate", Verdict: event.Verdict([]string{"steady", "breached"}[random.IntN(2)]), Reason: e.Message}}
		}
		log = record.Logged(log, e)
	}
	text, err := json.Marshal(log)
	if err != nil || len(text) > 200_000 {
		t.Errorf("it takes %d bytes (%v)", len(text), err)
	}
	if !slices.IsSortedFunc(log, func(a, b event.Event) int {
		if a.Time.Before(b.Time) {
			return -1
		}
		return 1
	}) {
		t.Error("two events have the same time, or are out of order")
	}
	kept := 0
	for _, e := range log {
		if e.Type == event.Warning || e.Type == event.Started {
			kept++
		}
		if !utf8.ValidString(e.Message) || len(e.Message) > 300 {
			t.Errorf("a line of %d bytes: %q", len(e.Message), e.Message)
		}
	}
	if kept != warnings {
		t.Errorf("%d events that matter are left of %d", kept, warnings)
	}
	if log[len(log)-1].Type != event.TestLog && log[len(log)-2].Type != event.TestLog && log[len(log)-3].Type != event.TestLog {
		t.Errorf("the newest lines are not what was kept")
	}
}

func TestALogThatMattersOnlyIsBoundedToo(t *testing.T) {
	var log []event.Event
	for range 1000 {
		log = record.Logged(log, event.Event{Type: event.Warning, Error: strings.Repeat("x", 5000)})
	}
	if text, err := json.Marshal(log); err != nil || len(text) > 200_000 {
		t.Errorf("it takes %d bytes (%v)", len(text), err)
	}
}

func TestTheLogGivesWayToTheRecord(t *testing.T) {
	s, _ := store(t)
	r := rolloutOf("food", "food-v2")
	noise := make([]byte, 640_000) // does not compress
	for i := range noise {
		noise[i] = byte('a' + rand.IntN(16))
	}
	r.Blueprint = json.RawMessage(`"` + string(noise) + `"`)
	for range 400 {
		line := make([]byte, 300)
		for i := range line {
			line[i] = byte(' ' + rand.IntN(90))
		}
		for range 20 { // as if the limit were much higher
			r.Log = append(r.Log, event.Event{Type: event.TestLog, Message: string(line)})
			line[rand.IntN(300)]++
		}
	}
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 || len(all[0].Blueprint) != len(r.Blueprint) {
		t.Fatalf("%d records, %v", len(all), err)
	}
}
