package faults

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// writes numbers the requests that change something, in the order of their arrival. How often a lease is renewed
// depends on the time a run takes, so renewals have no number.
type writes struct {
	seen  []string
	holds bool // the lease has been taken
}

// count gives a request its number, or 0.
func (w *writes) count(r *http.Request) (int, error) {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return 0, nil
	}
	if strings.Contains(r.URL.Path, "/selfsubject") || strings.Contains(r.URL.Path, "/proxy/") { // questions
		return 0, nil
	}
	if strings.Contains(r.URL.Path, "/leases") {
		renewal, err := w.renewal(r)
		if err != nil || renewal {
			return 0, err
		}
	}
	_, what, _ := strings.Cut(r.URL.Path, "/namespaces/")
	_, what, _ = strings.Cut(what, "/")
	w.seen = append(w.seen, r.Method+" "+what)
	return len(w.seen), nil
}

// renewal tells whether a write of a lease is neither its taking nor its letting go.
func (w *writes) renewal(r *http.Request) (bool, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false, fmt.Errorf("read a lease: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	o, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil) // JSON or protobuf
	if err != nil {
		return false, fmt.Errorf("read a lease: %w", err)
	}
	lease, isLease := o.(*coordinationv1.Lease)
	held := isLease && lease.Spec.HolderIdentity != nil
	again := held && w.holds
	w.holds = held
	return again, nil
}
