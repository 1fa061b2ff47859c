package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestWeather(t *testing.T) {
	for name, tc := range map[string]struct {
		weather Weather
		method  string
		query   string
		want    string // the answers to six requests; 0: none
		arrived int32
	}{
		"fair":                 {Weather{}, "GET", "", "[200 200 200 200 200 200]", 6},
		"half are refused":     {Weather{Share: 50, Status: 429}, "GET", "", "[200 429 200 429 200 429]", 3},
		"a third get lost":     {Weather{Share: 34, Lost: true}, "POST", "", "[200 200 0 200 200 0]", 6},
		"writes, not reads":    {Weather{Share: 100, Status: 409, Writes: true}, "GET", "", "[200 200 200 200 200 200]", 6},
		"watches, not reads":   {Weather{Share: 100, Status: 410, Watches: true}, "GET", "", "[200 200 200 200 200 200]", 6},
		"watches":              {Weather{Share: 100, Status: 410, Watches: true}, "GET", "?watch=true", "[410 410 410 410 410 410]", 0},
		"requests, no watches": {Weather{Share: 100, Status: 500}, "GET", "?watch=true", "[200 200 200 200 200 200]", 6},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
			defer server.Close()
			p, err := Serve(&rest.Config{Host: server.URL}, Point{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.Weather(tc.weather)
			var codes []int
			for range 6 {
				codes = append(codes, ask(t, tc.method, p.url+secrets+tc.query))
			}
			if got := fmt.Sprint(codes); got != tc.want || arrived.Load() != tc.arrived || p.Requests() != 6 {
				t.Errorf("answers %s, want %s; %d arrived, want %d; %d counted", got, tc.want, arrived.Load(), tc.arrived, p.Requests())
			}
		})
	}
}

// ask is the status of an answer, 0 when there is none.
func ask(t *testing.T, method, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestWatchesAreCut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	p, err := Serve(&rest.Config{Host: server.URL}, Point{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+secrets+"?watch=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	time.AfterFunc(10*time.Millisecond, p.CutWatches)
	if _, err := io.ReadAll(answer.Body); err == nil {
		t.Error("the watch ended as if it had been asked to")
	}
}
