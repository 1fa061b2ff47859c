package action

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

// heard keeps the events it hears, as their texts.
type heard struct {
	texts []string
	on    func() // after each
}

func (h *heard) Emit(e event.Event) {
	text := e.Message
	if e.Step != nil && e.Step.Done != "" {
		text += " (" + e.Step.Done + ")"
	}
	h.texts = append(h.texts, text)
	if h.on != nil {
		h.on()
	}
}

// say adds to the log of the cluster's only rollout, and gives it a state.
func say(t *testing.T, c *Cluster, state record.State, texts ...string) {
	t.Helper()
	rec, err := c.find(t.Context(), "food")
	if err != nil {
		t.Fatal(err)
	}
	rec.State = state
	rec.Steps = []record.Step{{ID: "test/smoke", Done: "Test smoke PASS"}}
	for _, text := range texts {
		rec.Log = record.Logged(rec.Log, event.Event{Type: event.TestLog, Time: rec.Started, Message: text, Step: &event.Step{ID: "test/smoke"}})
	}
	if err := c.Records().Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
}

func TestLogsShowWhatTheRecordKeeps(t *testing.T) {
	c := driven(t, record.Testing)
	if err := (&Logs{Cluster: c, Events: &heard{}}).Run(t.Context(), "food-v2"); err == nil || !strings.Contains(err.Error(), "has no log") {
		t.Errorf("without a log: %v", err)
	}
	say(t, c, record.Testing, "one", "two")
	h := &heard{}
	if err := (&Logs{Cluster: c, Events: h}).Run(t.Context(), "food"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"one (Test smoke PASS)", "two (Test smoke PASS)"}; !slices.Equal(h.texts, want) {
		t.Errorf("got %q, want %q", h.texts, want)
	}
}

func TestLogsFollowUntilTheEndAndTellEachEventOnce(t *testing.T) {
	c := driven(t, record.Testing)
	say(t, c, record.Testing, "one")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h, told := &heard{}, make(chan struct{}, 10)
	h.on = func() { told <- struct{}{} }
	ended := make(chan error, 1)
	go func() { ended <- (&Logs{Cluster: c, Follow: true, Events: h}).Run(ctx, "food") }()
	<-told
	for _, next := range []record.State{record.Shifting, record.Completed} { // whether the watch is on yet or not
		time.Sleep(20 * time.Millisecond)
		say(t, c, next, string(next))
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	got := strings.Join(h.texts, " ")
	if n := strings.Count(got, "one"); n != 1 || !strings.Contains(got, "Completed") || strings.Count(got, "Shifting") != 1 {
		t.Errorf("got %q", h.texts)
	}
}

func TestStatusWatchesUntilTheEnd(t *testing.T) {
	c := driven(t, record.Shifting)
	lease := c.lease("food")
	lease.Holder = "ann@laptop (process 1)"
	if err := lease.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	var states, drivers []string
	err := (&Status{Cluster: c}).Watch(t.Context(), "food", func(rec *record.Rollout, driver string) error {
		if len(states) == 0 {
			time.AfterFunc(20*time.Millisecond, func() { say(t, c, record.RolledBack) })
		}
		states, drivers = append(states, string(rec.State)), append(drivers, driver)
		return nil
	})
	if err != nil || !slices.Equal(slices.Compact(states), []string{"Shifting", "RolledBack"}) {
		t.Errorf("saw %q, %v", states, err)
	}
	if !strings.HasPrefix(drivers[0], lease.Holder+", last sign of life ") || drivers[len(drivers)-1] != "" {
		t.Errorf("driven by %q", drivers)
	}
}

func TestADamagedRecordDoesNotHideTheOthers(t *testing.T) {
	c := driven(t, record.Completed)
	if err := c.Records().Create(t.Context(), &record.Rollout{ID: "drink-v1", App: "drink", Namespace: "food-svc", State: record.Completed}); err != nil {
		t.Fatal(err)
	}
	damage(t, c, "dro.food.1")
	status := &Status{Cluster: c}
	all, err := status.records().List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d records, %v", len(all), err)
	}
	history, err := status.History(t.Context(), "food")
	if err != nil || len(history) != 1 || history[0].State != record.Unreadable || !strings.Contains(history[0].Cause, "dro.food.1") {
		t.Errorf("history: got %+v, %v", history, err)
	}
	if _, err := c.find(t.Context(), "drink"); err != nil {
		t.Errorf("the other one: %v", err)
	}
	for verb, err := range map[string]error{
		"abort":  second((&Steer{Cluster: c, Verb: record.Abort}).Run(t.Context(), "food")),
		"launch": c.free(t.Context(), "food"),
		"logs":   (&Logs{Cluster: c}).Run(t.Context(), "food-v2"),
	} {
		if err == nil || !strings.Contains(err.Error(), "record secret food-svc/dro.food.1") {
			t.Errorf("%s: got %v, want the secret's name", verb, err)
		}
	}
}

func second(_ string, err error) error { return err }
