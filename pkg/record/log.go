package record

import (
	"slices"
	"time"
	"unicode/utf8"

	"dro.dev/kubectl-dro/pkg/event"
)

// What a record keeps of its rollout's events. A Secret holds one megabyte, and the blueprint with its configs comes first.
const (
	logMost   = 128 << 10 // bytes of all events: two hundred lines of a test beside a launch of many components
	lineMost  = 300       // bytes of a message: a line of a test's output as a person reads it
	errorMost = 2000      // bytes of an error, which may have several lines
	bareEvent = 300       // bytes of an event without its texts, as JSON
)

// Logged is a log with one event more. Of KPI samples it keeps those at which a verdict changed and the last, of a step's
// progress the last, and when there is too much the newest of what tests, progress and KPIs say; never does it drop how the
// rollout went. Every event has a time of its own, later than the one before, by which a reader knows it again.
func Logged(log []event.Event, e event.Event) []event.Event {
	e.Message, e.Error = cut(e.Message, lineMost), cut(e.Error, errorMost)
	if n := len(log); n > 0 {
		if last := log[n-1]; !e.Time.After(last.Time) {
			e.Time = last.Time.Add(time.Nanosecond)
		}
		if replaces(log, e) {
			log = slices.Delete(slices.Clone(log), n-1, n)
		}
	}
	log = append(slices.Clip(log), e) // a copy: others may read the one before
	size := 0
	for _, e := range log {
		size += weight(e)
	}
	for size > logMost {
		i := slices.IndexFunc(log, chatty)
		if i < 0 {
			i = min(1, len(log)-1) // the beginning tells most
		}
		size -= weight(log[i])
		log = slices.Delete(log, i, i+1)
	}
	return log
}

// replaces says whether the last event of a log tells nothing that e does not.
func replaces(log []event.Event, e event.Event) bool {
	n := len(log)
	if !sameKind(log[n-1], e) {
		return false
	}
	switch e.Type {
	case event.Progress:
		return true
	case event.KPIs: // the first with its verdicts stays
		return n > 1 && sameKind(log[n-2], e) && sameVerdicts(log[n-2], log[n-1]) && sameVerdicts(log[n-1], e)
	}
	return false
}

func sameKind(a, b event.Event) bool {
	if a.Type != b.Type || (a.Step == nil) != (b.Step == nil) {
		return false
	}
	return a.Step == nil || a.Step.ID == b.Step.ID
}

func sameVerdicts(a, b event.Event) bool {
	return slices.EqualFunc(a.KPIs, b.KPIs, func(x, y event.Reading) bool {
		return x.Name == y.Name && x.Component == y.Component && x.Verdict == y.Verdict
	})
}

// chatty events can be missed.
func chatty(e event.Event) bool {
	return e.Type == event.TestLog || e.Type == event.Progress || e.Type == event.KPIs
}

// weight is about how many bytes an event takes.
func weight(e event.Event) int {
	n := bareEvent + len(e.Message) + len(e.Error) + bareEvent*len(e.Images)
	for _, r := range e.KPIs {
		n += bareEvent + len(r.Reason)
	}
	return n
}

// cut shortens a text to at most so many bytes, between two characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
