package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Weather is one kind of trouble between a process and the API server.
type Weather struct {
	Share   int           // how many of the requests that it concerns, in percent
	Writes  bool          // it concerns writes only
	Watches bool          // it concerns watches only
	Delay   time.Duration // before the request is passed on
	Status  int           // answered instead of passing the request on
	Lost    bool          // the request is passed on, and the connection cut instead of an answer
}

// Weather is what every request meets from now on; nothing: fair weather.
func (p *Proxy) Weather(all ...Weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather, p.met = all, make([]int, len(all))
}

// CutWatches ends every watch there is. Those that come later are not concerned.
func (p *Proxy) CutWatches() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.cut)
	p.cut = make(chan struct{})
}

// Requests is how many there were, watches included.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }

// meets counts a request and says what it meets. Shares are spread evenly.
func (p *Proxy) meets(r *http.Request) (all []Weather, cut <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	for i, w := range p.weather {
		if w.Writes && r.Method == http.MethodGet || w.Watches != isWatch(r) {
			continue
		}
		if p.met[i]++; p.met[i]*w.Share/100 > (p.met[i]-1)*w.Share/100 {
			all = append(all, w)
		}
	}
	return all, p.cut
}

// weathered lets requests meet the weather before they are passed on.
func (p *Proxy) weathered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, cut := p.meets(r)
		if isWatch(r) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			go func() {
				select {
				case <-cut:
					cancel()
				case <-ctx.Done():
				}
			}()
			r = r.WithContext(ctx)
		}
		for _, trouble := range all {
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-time.After(trouble.Delay):
			}
			if trouble.Status > 0 {
				refuse(w, trouble.Status)
				return
			}
			if trouble.Lost {
				next.ServeHTTP(nowhere{}, r)
				panic(http.ErrAbortHandler)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers as an API server would.
func refuse(w http.ResponseWriter, code int) {
	reason := map[int]metav1.StatusReason{
		http.StatusUnauthorized: metav1.StatusReasonUnauthorized, http.StatusConflict: metav1.StatusReasonConflict,
		http.StatusGone: metav1.StatusReasonExpired, http.StatusTooManyRequests: metav1.StatusReasonTooManyRequests,
		http.StatusInternalServerError: metav1.StatusReasonInternalError,
	}[code]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{ // who asked may have gone
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: "bad weather",
	})
}

// nowhere is where lost answers go.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}
