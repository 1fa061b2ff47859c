package load

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Count is how often a target's requests were answered by a version with a status. Version is "none" when no
// version answered (the gateway did, or nobody); Status is the HTTP code, or the kind of error: "timeout",
// "refused", "reset", "error", or "overflow" when too many requests were in flight to send another.
type Count struct {
	Target, Version, Status string
	N                       int
}

// Failed tells whether the count is of requests that did not end well for the user.
func (c Count) Failed() bool { return c.Status < "200" || c.Status >= "400" }

// history counts by the second in which a request was sent.
type history struct {
	mu      sync.Mutex
	seconds map[int64]map[Count]int // the keys' N is 0
}

func (h *history) add(at time.Time, c Count) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seconds == nil {
		h.seconds = map[int64]map[Count]int{}
	}
	second := h.seconds[at.Unix()]
	if second == nil {
		second = map[Count]int{}
		h.seconds[at.Unix()] = second
	}
	second[c]++
}

// since adds up the seconds from t's on, ordered by target, version and status.
func (h *history) since(t time.Time) []Count {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := map[Count]int{}
	for second, counts := range h.seconds {
		if second < t.Unix() {
			continue
		}
		for c, n := range counts {
			sum[c] += n
		}
	}
	out := make([]Count, 0, len(sum))
	for c, n := range sum {
		c.N = n
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Status, b.Status))
	})
	return out
}
