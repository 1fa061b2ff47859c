package action

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// server answers once it is up.
type server struct {
	up    time.Time
	fails error // until then
	heard []string
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.heard = append(s.heard, string(body))
	if time.Now().Before(s.up) {
		return nil, s.fails
	}
	return &http.Response{StatusCode: http.StatusOK}, nil
}

func TestPatience(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, tc := range map[string]struct {
		fails   error
		down    time.Duration
		answers bool
		most    int // tries
	}{
		"a restart is waited for":                 {refused, 10 * time.Second, true, 12},
		"an end is not":                           {refused, time.Hour, false, 40},
		"what may have arrived is not sent again": {errors.New("connection lost"), 10 * time.Second, false, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{up: time.Now().Add(tc.down), fails: tc.fails}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://x/", strings.NewReader("text"))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := patientTransport{s}.RoundTrip(r)
			if answered := answer != nil && err == nil; answered != tc.answers || len(s.heard) > tc.most {
				t.Errorf("%s: answered %v after %d tries (%v)", name, answered, len(s.heard), err)
			}
			for _, body := range s.heard {
				if body != "text" {
					t.Errorf("%s: a try said %q", name, body)
				}
			}
		})
	}
}
