package load

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	for rate, want := range map[float64]time.Duration{100: 10 * time.Second, 1000: time.Second, 0.5: 2000 * time.Second} {
		if got := due(1000, rate); got != want {
			t.Errorf("request 1000 at %g/s leaves after %s, want %s", rate, got, want)
		}
	}
}

// TestSteady: requests go out although every answer takes far longer than the time between two of them.
func TestSteady(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "food.example" || r.URL.Path != "/pay" {
			t.Errorf("asked %s %s", r.Host, r.URL.Path)
		}
		time.Sleep(300 * time.Millisecond)
		w.Header().Set("X-Version", "1.0.0")
	}))
	defer srv.Close()
	l, err := Start(t.Context(), []Target{{URL: srv.URL, Host: "food.example", Path: "/pay", Rate: 200}})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	l.Stop()
	counts := l.Counts()
	if len(counts) != 1 || counts[0].Version != "1.0.0" || counts[0].Status != "200" || counts[0].Failed() {
		t.Fatalf("%+v", counts)
	}
	if n := counts[0].N; n < 50 { // one at a time would be four
		t.Errorf("%d requests in a second at 200/s", n)
	}
}

// until waits for what the load does by its own clock.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute")
		}
	}
}

func TestCountsByVersionAndStatus(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			w.Header().Set("X-Version", "2.0.0")
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable) // the gateway itself
		case 2:
			w.Header().Set("X-Version", "1.0.0")
		case 3:
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	l, err := Start(t.Context(), []Target{{URL: srv.URL, Host: "h", Path: "/", Rate: 400}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return n.Load() > 4 })
	l.Stop()
	var kinds []string
	failed := 0
	for _, c := range l.Counts() {
		kinds = append(kinds, c.Version+" "+c.Status)
		if c.Failed() {
			failed++
		}
	}
	if want := []string{"1.0.0 200", "2.0.0 500", "none 503", "none reset"}; !reflect.DeepEqual(kinds, want) || failed != 3 {
		t.Errorf("%v with %d kinds of failure, want %v", kinds, failed, want)
	}
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	g, err := Start(t.Context(), []Target{{URL: "http://" + l.Addr().String(), Host: "h", Path: "/", Rate: 100}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return len(g.Counts()) > 0 })
	g.Stop()
	counts := g.Counts()
	if len(counts) != 1 || counts[0].Status != "refused" || counts[0].Version != "none" || !counts[0].Failed() {
		t.Errorf("%+v", counts)
	}
}

func TestStartRefuses(t *testing.T) {
	for name, target := range map[string]Target{
		"an address outside this machine": {URL: "http://192.0.2.1:80", Rate: 1},
		"a name that may be outside":      {URL: "http://food.example", Rate: 1},
		"no rate":                         {URL: "http://127.0.0.1:80"},
		"no URL":                          {URL: ":", Rate: 1},
	} {
		if l, err := Start(t.Context(), []Target{target}); err == nil {
			l.Stop()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSince(t *testing.T) {
	var h history
	start := time.Unix(1000, 0)
	for i := range 10 {
		h.add(start.Add(time.Duration(i)*500*time.Millisecond), Count{Target: "t", Version: fmt.Sprint(i / 8), Status: "200"})
	}
	got := h.since(start.Add(3 * time.Second))
	want := []Count{{"t", "0", "200", 2}, {"t", "1", "200", 2}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := h.since(start.Add(time.Hour)); len(got) != 0 {
		t.Errorf("in the future: %+v", got)
	}
}
