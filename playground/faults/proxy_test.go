package faults

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
)

const (
	secrets = "/api/v1/namespaces/n/secrets"
	leases  = "/apis/coordination.k8s.io/v1/namespaces/n/leases"
	held    = `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{"holderIdentity":"ann"}}`
)

func TestWritesAreNumbered(t *testing.T) {
	var w writes
	for _, r := range []struct {
		method, path, body string
		number             int
	}{
		{"GET", secrets, "", 0},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "{}", 0},
		{"POST", "/api/v1/namespaces/n/services/prometheus:9090/proxy/api/v1/query", "query=up", 0},
		{"POST", leases, held, 1},
		{"POST", secrets, "{}", 2},
		{"PUT", leases + "/dro-food", held, 0},
		{"PATCH", secrets + "/a", "{}", 3},
		{"PUT", leases + "/dro-food", `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{}}`, 4},
		{"PUT", leases + "/dro-food", held, 5},
		{"DELETE", secrets + "/a", "", 6},
	} {
		n, err := w.count(httptest.NewRequest(r.method, r.path, strings.NewReader(r.body)))
		if err != nil || n != r.number {
			t.Errorf("%s %s: number %d (%v), want %d", r.method, r.path, n, err, r.number)
		}
	}
	if want := "DELETE secrets/a"; !slices.Contains(w.seen, want) {
		t.Errorf("seen %q, want %q among them", w.seen, want)
	}
}

func TestTheProcessEndsAtItsWrite(t *testing.T) {
	for half, reached := range map[Half]int32{Before: 1, After: 2} {
		t.Run(string(half), func(t *testing.T) {
			var arrived atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
			defer server.Close()
			p, err := Serve(&rest.Config{Host: server.URL}, Point{2, half})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			url := p.url + secrets
			victim := exec.CommandContext(t.Context(), "curl", "-s", "-d", "{}", url, url, url)
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			p.Aim(victim.Process)
			if err := victim.Wait(); err == nil || victim.ProcessState.Exited() {
				t.Errorf("the process ended by itself: %v", err)
			}
			if arrived.Load() != reached || p.Hit() != "POST secrets" {
				t.Errorf("%d writes arrived, want %d; hit %q", arrived.Load(), reached, p.Hit())
			}
		})
	}
}
