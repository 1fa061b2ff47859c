package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
)

const (
	// patience is how long trouble that may pass is waited for. The restart of an API server takes seconds, a change of
	// leader among several a few more.
	patience = time.Minute
	// calmMost is the longest pause between two tries.
	calmMost = 4 * time.Second
	// catchUpTime is how long gateways and controllers may stay behind once an API server is back: whoever watches it with
	// client-go comes back to it after pauses that grow to a minute.
	catchUpTime = time.Minute
)

// insist does something, and again while it fails for what may pass, up to a minute. tell hears of each failure that is
// waited out. Whatever is done so can be done twice.
func insist(ctx context.Context, tell func(error), do func() error) error {
	var since time.Time
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, calmMost) {
		err := do()
		if !passing(err) || ctx.Err() != nil {
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since)+pause > patience {
			return &lastingError{err}
		}
		tell(err)
		if sleep(ctx, pause) != nil {
			return err
		}
	}
}

// lastingError is trouble that did not pass.
type lastingError struct{ Cause error }

func (e *lastingError) Error() string { return fmt.Sprintf("%v (for %s)", e.Cause, patience) }
func (e *lastingError) Unwrap() error { return e.Cause }

// passing tells whether an error may be gone in a moment: an API server that is away, busy, or in trouble; an answer that
// got lost. That a step's own time is over is no such error, nor is what the API server refuses.
func passing(err error) bool {
	var lasting *lastingError
	switch {
	case err == nil, errors.As(err, &lasting), over(err), errors.Is(err, context.Canceled):
		return false
	}
	var answered apierrors.APIStatus
	if errors.As(err, &answered) {
		return busy(answered.Status())
	}
	var connection *net.OpError
	if errors.As(err, &connection) || errors.Is(err, io.ErrUnexpectedEOF) || utilnet.IsHTTP2ConnectionLost(err) {
		return true // asked before what follows: a connection's time limit looks like a context's
	}
	var unsent *url.Error
	return errors.As(err, &unsent) && !errors.Is(err, context.DeadlineExceeded)
}

// busy tells whether an API server may answer otherwise in a moment.
func busy(s metav1.Status) bool {
	switch s.Code {
	case http.StatusConflict:
		return s.Reason == metav1.StatusReasonConflict // and not that something exists already
	case http.StatusUnauthorized, // credentials are renewed when they are found to be too old
		http.StatusRequestTimeout, http.StatusGone, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// over tells whether the rollout is no longer this process's to drive.
func over(err error) bool { return errors.Is(err, ErrLost) || errors.Is(err, ErrBlind) }

// Trouble hears what went wrong with the API server, from whoever asks it for this rollout.
func (e *Engine) Trouble(err error) {
	if errors.Is(err, syscall.ECONNREFUSED) || apierrors.IsServiceUnavailable(err) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.away = time.Now()
	}
}

// caughtUp waits, before traffic moves to pods that a gateway may not know of yet, for as long as it may be behind.
func (e *Engine) caughtUp(ctx context.Context, rec *record.Rollout, step *record.Step) error {
	return e.attend(ctx, rec, step, func(ctx context.Context) error {
		for told := false; ; told = true {
			e.mu.Lock()
			left := time.Until(e.away.Add(catchUpTime))
			e.mu.Unlock()
			if left <= 0 {
				return nil
			}
			if !told {
				e.emitStep(rec, step, event.Event{Type: event.Warning, Message: "the API server was away; before traffic moves, gateways and controllers get a minute to see what it has"})
			}
			if err := sleep(ctx, left); err != nil {
				return err
			}
		}
	})
}

// again tells of trouble that is waited out.
func (e *Engine) again(rec *record.Rollout, doing string) func(error) {
	return func(err error) {
		e.Trouble(err)
		e.emit(rec, event.Event{Type: event.Warning, Message: fmt.Sprintf("%s: %v; trying again", doing, err)})
	}
}

// save writes the record.
func (e *Engine) save(ctx context.Context, rec *record.Rollout) error {
	return insist(ctx, e.again(rec, "write the record"), func() error { return e.write(ctx, rec) })
}
