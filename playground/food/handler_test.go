package food

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func handlerOf(t *testing.T, component, tag string, env map[string]string) http.Handler {
	t.Helper()
	h, err := Handler(component, tag, env)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// TestFailures sends a steady stream for some (made-up) seconds and counts what fails.
func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		component, tag string
		rate           int // requests a second
		total          int
		failed         int
	}{
		"green":                      {Service, "1.0.0", 50, 500, 0},
		"the defect at 1 % of 100/s": {Service, "2.0.0", 1, 60, 0},
		"the defect at its bound":    {Service, "2.0.0", 5, 300, 0},
		// Its load shows with the sixth request; of the 495 from there on every fiftieth fails.
		"the defect under load":    {Service, "2.0.0", 50, 500, 9},
		"the corrected version":    {Service, "2.1.0", 50, 500, 0},
		"the front end is fine":    {Frontend, "2.0.0", 50, 500, 0},
		"broken, before it breaks": {Frontend, "broken", 10, 100, 0},
		"broken, after it has":     {Frontend, "broken", 10, 200, 30},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := handlerOf(t, tc.component, tc.tag, nil)
				failed := make(chan bool, tc.total)
				for range tc.total {
					go func() {
						w := ask(h, "/pay")
						if v := w.Header().Get("X-Version"); v != tc.tag {
							t.Errorf("X-Version %q", v)
						}
						failed <- w.Code == http.StatusInternalServerError
					}()
					time.Sleep(time.Second / time.Duration(tc.rate))
				}
				n := 0
				for range tc.total {
					if <-failed {
						n++
					}
				}
				if n != tc.failed {
					t.Errorf("%d of %d failed, want %d", n, tc.total, tc.failed)
				}
			})
		})
	}
}

// TestDefectIsSoonSeen: at the demo's 25 requests a second, 2.0.0 fails within three seconds of real load.
func TestDefectIsSoonSeen(t *testing.T) {
	d := defect{behaviour: catalogue()[Service]["2.0.0"]}
	start := time.Unix(1000, 0)
	for i := range 75 {
		if d.next(start.Add(time.Duration(i) * 40 * time.Millisecond)) {
			return
		}
	}
	t.Error("no failure in 75 requests")
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handlerOf(t, Service, "broken", nil)
		fresh := ask(h, "/metrics").Body.String()
		if !strings.Contains(fresh, `food_payments_total{result="failure"} 0`) {
			t.Errorf("a fresh pod reports no failures as 0:\n%s", fresh)
		}
		for range 120 {
			ask(h, "/")
		}
		got := ask(h, "/metrics").Body.String()
		for _, want := range []string{
			`food_payments_total{result="failure"} 6`, `food_payments_total{result="success"} 114`,
			`http_requests_total{code="500"} 6`, `http_requests_total{code="200"} 114`,
			`http_request_duration_seconds_count 120`,
		} {
			if !strings.Contains(got, want+"\n") {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
	})
}

func TestTagsForTests(t *testing.T) {
	var exit *Exit
	if _, err := Handler(Service, "crash", nil); !errors.As(err, &exit) || exit.Code != 1 || exit.Log == "" {
		t.Errorf("crash: %v", err)
	}
	if w := ask(handlerOf(t, Service, "notready", nil), "/healthz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("notready: %d", w.Code)
	}
	if w := ask(handlerOf(t, Service, "1.0.0", nil), "/healthz"); w.Code != http.StatusOK {
		t.Errorf("1.0.0: %d", w.Code)
	}
	if w := ask(handlerOf(t, Frontend, "silent", nil), "/metrics"); w.Code != http.StatusNotFound {
		t.Errorf("silent: %d", w.Code)
	}
	for _, image := range [][2]string{{Service, "9.9.9"}, {"kitchen", "1.0.0"}} {
		if _, err := Handler(image[0], image[1], nil); err == nil || errors.As(err, &exit) || Known(image[0], image[1]) {
			t.Errorf("%s:%s exists: %v", image[0], image[1], err)
		}
	}
	if !Known(Service, "crash") {
		t.Error("an image that crashes is an image")
	}
}

func TestLatency(t *testing.T) {
	l := latency{p50: 10 * time.Millisecond, p99: 40 * time.Millisecond}
	for normal, want := range map[float64]time.Duration{0: 10 * time.Millisecond, 2.3263: 40 * time.Millisecond, 9: 120 * time.Millisecond} {
		if got := l.sample(normal); (got - want).Abs() > time.Microsecond {
			t.Errorf("sample(%g) = %s, want %s", normal, got, want)
		}
	}
	if got := (latency{}).sample(1); got != 0 {
		t.Errorf("no latency is %s", got)
	}
}

func TestRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "instant-pay.yaml")
	h := handlerOf(t, Service, "1.0.0", map[string]string{"RULES_FILE": file, "RULES": "unused"})
	if w := ask(h, "/rules"); w.Code != http.StatusNotFound {
		t.Errorf("no file: %d %s", w.Code, w.Body)
	}
	for _, text := range []string{"rules: 1\n", "rules: 2\n"} { // read anew, as a mounted ConfigMap changes
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if w := ask(h, "/rules"); w.Code != http.StatusOK || w.Body.String() != text {
			t.Errorf("%d %s, want %s", w.Code, w.Body, text)
		}
	}
	if w := ask(handlerOf(t, Service, "1.0.0", map[string]string{"RULES": "from env"}), "/rules"); w.Body.String() != "from env" {
		t.Errorf("from the environment: %d %s", w.Code, w.Body)
	}
	if w := ask(handlerOf(t, Service, "1.0.0", map[string]string{"RULES_FILE": filepath.Dir(file)}), "/rules"); w.Code != http.StatusInternalServerError {
		t.Errorf("an unreadable file: %d %s", w.Code, w.Body)
	}
}
