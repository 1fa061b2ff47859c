package printer

import (
	"encoding/json"
	"io"
	"sync"

	"dro.dev/kubectl-dro/pkg/event"
)

// JSON writes each event as one line of JSON. docs/events.md describes the fields.
type JSON struct {
	mu  sync.Mutex
	out *json.Encoder
}

// NewJSON returns a JSON that writes to out.
func NewJSON(out io.Writer) *JSON { return &JSON{out: json.NewEncoder(out)} }

// Emit writes one event.
func (j *JSON) Emit(e event.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.out.Encode(e) // a reader that went away must not end a rollout
}
