package node

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogs(t *testing.T) {
	at := time.Unix(1_000, 0)
	l := newLogs(func() time.Time { at = at.Add(time.Second); return at })
	fmt.Fprint(l, "one\ntw")
	fmt.Fprint(l, "o\nthree")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write([]byte("late")); err == nil {
		t.Error("a closed log takes more")
	}
	for name, tc := range map[string]struct {
		v    view
		want string
	}{
		"all":        {view{tail: -1, limit: -1}, "one\ntwo\nthree"},
		"tail":       {view{tail: 2, limit: -1}, "two\nthree"},
		"no tail":    {view{tail: 0, limit: -1}, ""},
		"since":      {view{tail: -1, limit: -1, since: time.Unix(1_002, 0)}, "two\nthree"},
		"limit":      {view{tail: -1, limit: 5}, "one\nt"},
		"follow":     {view{tail: 1, limit: -1, follow: true}, "three"},
		"timestamps": {view{tail: 1, limit: -1, timestamps: true}, "1970-01-01T00:16:43Z three"},
	} {
		var out bytes.Buffer
		if err := l.copyTo(t.Context(), &out, func() {}, tc.v); err != nil || out.String() != tc.want {
			t.Errorf("%s: %q %v, want %q", name, out.String(), err, tc.want)
		}
	}
}

func TestLogsFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLogs(time.Now)
		fmt.Fprintln(l, "old")
		ctx, cancel := context.WithCancel(t.Context())
		var out, cut bytes.Buffer
		ended := make(chan error, 2)
		go func() { ended <- l.copyTo(t.Context(), &out, func() {}, view{tail: 0, limit: -1, follow: true}) }()
		go func() { ended <- l.copyTo(ctx, &cut, func() {}, view{tail: -1, limit: -1, follow: true}) }()
		synctest.Wait()
		fmt.Fprintln(l, "new")
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		fmt.Fprintln(l, "newer")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if out.String() != "new\nnewer\n" || cut.String() != "old\nnew\n" {
			t.Errorf("followed to the end: %q; until the reader left: %q", out.String(), cut.String())
		}
	})
}

func TestLogsKeepTheLastLines(t *testing.T) {
	l := newLogs(time.Now)
	for i := range keptLines + 5 {
		fmt.Fprintln(l, i)
	}
	fmt.Fprint(l, strings.Repeat("x", longLine+1))
	entries, next, more := l.from(0)
	if len(entries) != keptLines || next != keptLines+6 || more == nil {
		t.Fatalf("%d lines, next %d", len(entries), next)
	}
	if got := string(entries[0].line); got != "6\n" {
		t.Errorf("the first line kept is %q", got)
	}
	if got := len(entries[keptLines-1].line); got != longLine {
		t.Errorf("a long line was cut at %d", got)
	}
	if late, _, _ := l.from(3); len(late) != keptLines {
		t.Errorf("who asks for lines that are gone gets %d of those that are left", len(late))
	}
}

func TestViewOf(t *testing.T) {
	now := time.Unix(1_000, 0)
	for query, want := range map[string]view{
		"":                                   {tail: -1, limit: -1},
		"follow=true&tailLines=0":            {follow: true, limit: -1},
		"timestamps=true&limitBytes=10":      {timestamps: true, tail: -1, limit: 10},
		"sinceSeconds=60":                    {tail: -1, limit: -1, since: time.Unix(940, 0)},
		"sinceTime=1970-01-01T00%3A00%3A10Z": {tail: -1, limit: -1, since: time.Unix(10, 0).UTC()},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := viewOf(q, now); err != nil || got != want {
			t.Errorf("%q: %+v %v, want %+v", query, got, err, want)
		}
	}
	for _, query := range []string{"tailLines=-1", "tailLines=x", "limitBytes=0", "sinceSeconds=0", "sinceTime=today"} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := viewOf(q, now); err == nil {
			t.Errorf("%q is taken", query)
		}
	}
}
