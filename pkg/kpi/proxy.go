package kpi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// apiServer turns the API server's own refusals on the way through its proxy ("no endpoints available", "forbidden")
// into errors with its words. The Prometheus client would see a foreign body and say the status code only.
type apiServer struct{ next http.RoundTripper }

func (t apiServer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	// A POST that is refused is tried again as a GET: get on services/proxy may be all that is allowed.
	if req.Method == http.MethodPost && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusMethodNotAllowed) {
		return resp, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" {
		return nil, apierrors.FromObject(&status)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
