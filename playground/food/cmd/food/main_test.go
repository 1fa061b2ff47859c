package main

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestServeFinishesWhatIsInFlight: after the signal nobody gets in, and who is in gets an answer.
func TestServeFinishesWhatIsInFlight(t *testing.T) {
	inside, finish := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-finish
		w.WriteHeader(http.StatusNoContent)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, terminate := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, h, l) }()
	answer := make(chan int, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			t.Error(err)
			answer <- 0
			return
		}
		resp.Body.Close()
		answer <- resp.StatusCode
	}()
	<-inside
	terminate()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break // closed
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Fatal("still listens after the signal")
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("ended before the request did: %v", err)
	default:
	}
	close(finish)
	if code := <-answer; code != http.StatusNoContent {
		t.Errorf("the request in flight got %d", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
