package action

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sluggish answers after a while, and lets a body take as long again.
type sluggish struct{ head, body time.Duration }

func (s sluggish) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := wait(r.Context(), s.head); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: &slowBody{r.Context(), s.body}}, nil
}

type slowBody struct {
	ctx  context.Context
	left time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if err := wait(b.ctx, b.left); err != nil {
		return 0, err
	}
	b.left = 0
	return strings.NewReader("text").Read(p[:1])
}
func (b *slowBody) Close() error { return nil }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func TestAnAnswerHasALimit(t *testing.T) {
	const s = time.Second
	for name, tc := range map[string]struct {
		server sluggish
		url    string
		own    time.Duration // the caller's limit
		late   bool
		ends   time.Duration
	}{
		"slow":                   {sluggish{20 * s, 10 * s}, "https://x/api", time.Hour, false, 30 * s},
		"silent":                 {sluggish{time.Hour, 0}, "https://x/api", time.Hour, true, answerLimit},
		"silent half-way":        {sluggish{s, time.Hour}, "https://x/api", time.Hour, true, answerLimit},
		"a watch":                {sluggish{s, 40 * time.Minute}, "https://x/api?watch=true", time.Hour, false, 40*time.Minute + s},
		"a log":                  {sluggish{s, 40 * time.Minute}, "https://x/log?follow=true", time.Hour, false, 40*time.Minute + s},
		"the caller's own limit": {sluggish{time.Hour, 0}, "https://x/api", 5 * s, false, 5 * s},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tc.own)
			defer cancel()
			began := time.Now()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, tc.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := limitedTransport{tc.server}.RoundTrip(r)
			if err == nil {
				_, err = io.ReadFull(answer.Body, make([]byte, 1))
				err = errors.Join(err, answer.Body.Close())
			}
			var late unansweredError
			if errors.As(err, &late) != tc.late || errors.Is(err, context.DeadlineExceeded) != (tc.own == 5*s) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(began); took != tc.ends {
				t.Errorf("%s: took %s, want %s", name, took, tc.ends)
			}
		})
	}
}
