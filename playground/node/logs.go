package node

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

const (
	keptLines = 10_000   // of one container's run
	longLine  = 16 << 10 // a longer one is cut, as container runtimes do
)

// entry is one line of a log, with its newline.
type entry struct {
	at   time.Time
	line []byte
}

// logs is what one run of a container has written.
type logs struct {
	mu      sync.Mutex
	now     func() time.Time
	entries []entry
	dropped int // lines before entries[0]
	partial []byte
	changed chan struct{} // closed and replaced at each change
	closed  bool
}

func newLogs(now func() time.Time) *logs {
	return &logs{now: now, changed: make(chan struct{})}
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, io.ErrClosedPipe
	}
	l.partial = append(l.partial, p...)
	for {
		end := bytes.IndexByte(l.partial, '\n') + 1
		if end == 0 && len(l.partial) >= longLine {
			end = longLine
		}
		if end == 0 {
			break
		}
		l.add(bytes.Clone(l.partial[:end]))
		l.partial = l.partial[end:]
	}
	l.wake()
	return len(p), nil
}

// Close ends the log; those who follow it come to its end.
func (l *logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	if len(l.partial) > 0 {
		l.add(l.partial)
		l.partial = nil
	}
	l.closed = true
	l.wake()
	return nil
}

func (l *logs) add(line []byte) {
	l.entries = append(l.entries, entry{l.now(), line})
	if over := len(l.entries) - keptLines; over > 0 {
		l.entries = append([]entry(nil), l.entries[over:]...)
		l.dropped += over
	}
}

func (l *logs) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// from returns the lines since number n, the number after the last, and what tells of more; nil when there will be none.
func (l *logs) from(n int) ([]entry, int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := min(max(n-l.dropped, 0), len(l.entries))
	entries, next := l.entries[start:], l.dropped+len(l.entries)
	if l.closed {
		return entries, next, nil
	}
	return entries, next, l.changed
}

// view is what of a log is asked for.
type view struct {
	follow     bool
	timestamps bool
	since      time.Time
	tail       int   // lines; negative: all
	limit      int64 // bytes; negative: all
}

// copyTo writes what v asks for. flush is called whenever it waits for more.
func (l *logs) copyTo(ctx context.Context, w io.Writer, flush func(), v view) error {
	entries, next, more := l.from(0)
	for len(entries) > 0 && entries[0].at.Before(v.since) {
		entries = entries[1:]
	}
	if v.tail >= 0 && len(entries) > v.tail {
		entries = entries[len(entries)-v.tail:]
	}
	left := v.limit
	for {
		for _, e := range entries {
			text := e.line
			if v.timestamps {
				text = append(e.at.UTC().AppendFormat(nil, time.RFC3339Nano+" "), text...)
			}
			if v.limit >= 0 {
				text = text[:min(int64(len(text)), left)]
				left -= int64(len(text))
			}
			if _, err := w.Write(text); err != nil {
				return err
			}
		}
		if !v.follow || more == nil || v.limit >= 0 && left == 0 {
			return nil
		}
		flush()
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		}
		entries, next, more = l.from(next)
	}
}
