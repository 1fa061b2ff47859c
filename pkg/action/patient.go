package action

import (
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	// patience is how long an API server that can't be reached is waited for while a rollout is under way. A restart
	// takes seconds, a change of leader among several a few more.
	patience = time.Minute
	// pauseMost is the longest pause between two tries.
	pauseMost = 2 * time.Second
)

// patientTransport sends again what did not reach the API server. What may have reached it is not sent twice.
type patientTransport struct{ next http.RoundTripper }

func (t patientTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, pauseMost) {
		answer, err := t.next.RoundTrip(r)
		if !unreached(err) || time.Since(began) > patience || r.Body != nil && r.GetBody == nil {
			return answer, err
		}
		select {
		case <-r.Context().Done():
			return nil, err
		case <-time.After(pause):
		}
		if r = r.Clone(r.Context()); r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// unreached tells whether no connection came about.
func unreached(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}
