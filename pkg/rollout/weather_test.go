package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
)

// late is a request's time limit.
type late struct{}

func (late) Error() string { return "no answer" }
func (late) Timeout() bool { return true }

func TestPassing(t *testing.T) {
	routes := schema.GroupResource{Group: "gateway.networking.k8s.io", Resource: "httproutes"}
	answer := func(code int32, reason metav1.StatusReason) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason}}
	}
	sent := func(err error) error { return &url.Error{Op: "Get", URL: "https://x/", Err: err} }
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                       {nil, false},
		"refused connection":            {sent(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), true},
		"reset connection":              {sent(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), true},
		"slow connection":               {&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, true},
		"half an answer":                {fmt.Errorf("read it: %w", io.ErrUnexpectedEOF), true},
		"no answer in time":             {sent(late{}), true},
		"connection closed":             {sent(io.EOF), true},
		"busy":                          {apierrors.NewTooManyRequests("busy", 1), true},
		"broken":                        {fmt.Errorf("shift 1%%: %w", apierrors.NewInternalError(errors.New("etcd"))), true},
		"starting":                      {answer(503, metav1.StatusReasonServiceUnavailable), true},
		"too slow inside":               {answer(504, metav1.StatusReasonTimeout), true},
		"between it and us":             {answer(502, metav1.StatusReasonUnknown), true},
		"another wrote first":           {apierrors.NewConflict(routes, "food", errors.New("newer")), true},
		"too old to go on from":         {apierrors.NewResourceExpired("compacted"), true},
		"credentials too old":           {apierrors.NewUnauthorized("expired"), true},
		"there already":                 {apierrors.NewAlreadyExists(routes, "food"), false},
		"not there":                     {apierrors.NewNotFound(routes, "food"), false},
		"not allowed":                   {apierrors.NewForbidden(routes, "food", errors.New("no")), false},
		"not valid":                     {answer(422, metav1.StatusReasonInvalid), false},
		"the step's own time":           {fmt.Errorf("not ready: %w", context.DeadlineExceeded), false},
		"the step's own time, asking":   {sent(context.DeadlineExceeded), false},
		"interrupted":                   {sent(context.Canceled), false},
		"another's rollout":             {fmt.Errorf("%w: %w", ErrLost, apierrors.NewConflict(routes, "food", nil)), false},
		"nobody's to see":               {sent(ErrBlind), false},
		"trouble that has lasted":       {fmt.Errorf("again: %w", &lastingError{apierrors.NewInternalError(errors.New("etcd"))}), false},
		"a breach":                      {&BreachError{}, false},
		"a test that failed in earnest": {errors.New("exit code 1"), false},
	} {
		if got := passing(tc.err); got != tc.want {
			t.Errorf("%s: passing %v, want %v (%v)", name, got, tc.want, tc.err)
		}
	}
}

// stormy lets an act fail for what passes, as often as it says.
func stormy(act string, times int) *world {
	return &world{
		rounds: [][]Reading{reading(event.Steady)}, fails: map[string]int{act: times},
		how: apierrors.NewInternalError(errors.New("etcd has no leader")),
	}
}

func TestTroubleThatPassesIsWaitedOut(t *testing.T) {
	for act, before := range map[string]string{
		"install svc-blue": "", "isolated": "", "test smoke": "clean", "shift 1": "", "observed": "save", "save": "",
		"upgrade svc-blue": "shift 100", "remove svc-blue": "",
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := stormy(act, 5), launch()
			if err := w.engine().Run(t.Context(), rec); err != nil || rec.State != record.Completed {
				t.Fatalf("%s: %v in state %s: %q", act, err, rec.State, w.log)
			}
			if slices.Contains(w.log, "restore") && slices.Index(w.log, "restore") < slices.Index(w.log, "upgrade svc-blue") {
				t.Errorf("%s: went back: %q", act, w.log)
			}
			if told := w.happened(event.Warning); told != 5 {
				t.Errorf("%s: told %d times, want 5", act, told)
			}
			last := len(w.log) - 1
			for ; w.log[last] != "FAIL "+act; last-- {
				continue
			}
			if got := w.log[last+1]; before != "" && got != before {
				t.Errorf("%s: %q came after the last failure, want %q", act, got, before)
			}
			noted := slices.ContainsFunc(rec.Steps, func(s record.Step) bool { return strings.Contains(s.Note, "tried again after") })
			if noted != (act != "save") {
				t.Errorf("%s: the record has a note of it: %v", act, noted)
			}
		})
	}
}

func TestTroubleThatLastsGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec, began := stormy("shift 1", 1000), launch(), time.Now()
		err := w.engine().Run(t.Context(), rec)
		var back *RolledBackError
		if !errors.As(err, &back) || rec.State != record.RolledBack || !strings.Contains(rec.Cause, "etcd has no leader") {
			t.Errorf("%v in state %s: %s", err, rec.State, rec.Cause)
		}
		if took := time.Since(began); took < patience-calmMost || took > patience+10*time.Second {
			t.Errorf("it went back after %s", took)
		}
	})
}

func TestTheWayBackIsTidiedInSpiteOfTrouble(t *testing.T) {
	for _, act := range []string{"restore", "observed", "clean", "remove svc-blue", "save"} {
		synctest.Test(t, func(t *testing.T) {
			w, rec := stormy("", 0), launch()
			w.rounds = [][]Reading{reading(event.Breached)}
			w.onRound = func() { w.fails[act] = 4 }
			err := w.engine().Run(t.Context(), rec)
			if rec.State != record.RolledBack || !slices.Contains(w.log, "remove svc-blue") || w.log[len(w.log)-1] != "save" {
				t.Errorf("%s: %v in state %s: %q", act, err, rec.State, w.log)
			}
		})
	}
}

// An abort is obeyed at once while trouble is waited out.
func TestTroubleDoesNotDelayAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := stormy("shift 1", 1000), launch()
		took, _ := steered(t, w, rec, map[time.Duration]record.Command{10 * time.Second: {Verb: record.Abort, By: "ann"}})
		if rec.State != record.RolledBack || took > 16*time.Second {
			t.Errorf("in state %s after %s", rec.State, took)
		}
	})
}

// A process that can't see the rollout any more writes nothing and says nothing of it, on its way back as well.
func TestABlindProcessClaimsNothing(t *testing.T) {
	for name, verdict := range map[string]event.Verdict{"in a hold": event.Steady, "on the way back": event.Breached} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			w, rec := stormy("restore", 1000), launch()
			w.rounds = [][]Reading{reading(verdict)}
			time.AfterFunc(5*time.Second, func() { cancel(ErrBlind) })
			err := w.engine().Run(ctx, rec)
			if !errors.Is(err, ErrBlind) || rec.State.Ended() || rec.Ended != nil {
				t.Errorf("%s: %v in state %s", name, err, rec.State)
			}
			for _, claim := range []event.Type{event.RollingBack, event.RolledBack, event.Halted, event.Completed} {
				if w.happened(claim) > 0 {
					t.Errorf("%s: it said %s", name, claim)
				}
			}
		})
	}
}

// After an API server was away traffic waits for those who have to see what it has, and for nobody after other trouble.
func TestTrafficWaitsUntilOthersCaughtUp(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for name, tc := range map[string]struct {
		act   string
		how   error
		waits time.Duration
		told  int
	}{
		"away in a test":          {"test smoke", refused, catchUpTime, 2},
		"away while it settles":   {"upgrade svc-blue", refused, catchUpTime, 2},
		"away while it is tidied": {"remove svc-blue", refused, 0, 1},
		"busy in a test":          {"test smoke", apierrors.NewTooManyRequests("later", 1), 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, rec, began := stormy(tc.act, 1), launch(), time.Now()
			w.how = tc.how
			if err := w.engine().Run(t.Context(), rec); err != nil || rec.State != record.Completed {
				t.Fatalf("%s: %v in state %s: %q", name, err, rec.State, w.log)
			}
			if took, want := time.Since(began), healthy+tc.waits; took < want || took > want+3*time.Second {
				t.Errorf("%s: took %s, want about %s", name, took, want)
			}
			if told := w.happened(event.Warning); told != tc.told {
				t.Errorf("%s: told %d times, want %d", name, told, tc.told)
			}
		})
	}
}

// Green waits for nobody, nor does who aborts.
func TestAnAbortWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := stormy("test smoke", 1), launch()
		w.how = apierrors.NewServiceUnavailable("down")
		took, _ := steered(t, w, rec, map[time.Duration]record.Command{10 * time.Second: {Verb: record.Abort, By: "ann"}})
		if rec.State != record.RolledBack || took > 10*time.Second+plan.DrainTime+time.Second || slices.Contains(w.acts(), "shift 1") {
			t.Errorf("in state %s after %s: %q", rec.State, took, w.acts())
		}
	})
}
