package smoke

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	lineMost = 4 << 10         // bytes of a line that are shown
	logMost  = 64 << 10        // bytes of a log that are kept
	endTime  = 5 * time.Second // how long a log may take to end after its command has
)

// stream is the log of a running pod.
type stream struct {
	lines chan string // closed at the end of the log, or when it broke off
	read  int64       // bytes read so far; to be looked at only after lines is closed
}

// follow reads a pod's log as it is written.
func (r *Runner) follow(ctx context.Context, pod string) *stream {
	s := &stream{lines: make(chan string)}
	go func() {
		defer close(s.lines)
		// An error here breaks the live view only: rest reads what is missing, and says so if it can't.
		s.read, _ = r.read(ctx, pod, true, 0, func(line string) bool {
			select {
			case s.lines <- line:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	return s
}

// rest hands on what was not yet seen of a log, so that the end of a short-lived pod's is never lost.
func (r *Runner) rest(ctx context.Context, pod *corev1.Pod, s *stream, hear func(string)) {
	if s == nil {
		return
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	for {
		select {
		case line, open := <-s.lines:
			if open {
				hear(line)
				continue
			}
		case <-time.After(endTime):
			hear("(the rest of the log did not come)")
			return
		}
		break
	}
	_, err := r.read(ctx, pod.Name, false, s.read, func(line string) bool {
		hear(line)
		return true
	})
	if err != nil {
		hear(fmt.Sprintf("(the rest of the log can't be read: %v)", err))
	}
}

// read gives the lines of a pod's log from an offset on, until there are no more or one isn't wanted. It returns how
// far it came.
func (r *Runner) read(ctx context.Context, pod string, follow bool, from int64, give func(string) bool) (int64, error) {
	body, err := r.Client.CoreV1().Pods(r.Namespace).
		GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: follow}).Stream(ctx)
	if err != nil {
		return from, err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.CopyN(io.Discard, body, from); err != nil {
		if errors.Is(err, io.EOF) { // the node has rotated the log away
			err = nil
		}
		return from, err
	}
	n, err := lines(body, give)
	return from + n, err
}

// lines gives each line of a text, cut to what is shown, until one isn't wanted. It returns how many bytes were given.
func lines(text io.Reader, give func(string) bool) (int64, error) {
	in := bufio.NewReaderSize(text, lineMost)
	var given int64
	for {
		part, err := in.ReadSlice('\n')
		line, n := string(part), int64(len(part))
		for errors.Is(err, bufio.ErrBufferFull) { // skip what is too long to show
			part, err = in.ReadSlice('\n')
			n += int64(len(part))
			line = line[:min(len(line), lineMost)]
		}
		if n > 0 {
			shown := strings.TrimRight(line, "\r\n")
			if n > int64(len(line)) {
				shown += "…"
			}
			if !give(shown) {
				return given, nil
			}
			given += n
		}
		if errors.Is(err, io.EOF) {
			return given, nil
		}
		if err != nil {
			return given, err
		}
	}
}

// tail keeps the end of a log.
type tail struct {
	text []byte
}

func (t *tail) add(line string) {
	t.text = append(append(t.text, line...), '\n')
	if len(t.text) > 2*logMost { // not at every line, as a cut copies
		t.text = []byte(t.String())
	}
}

// String is the end of the log, from the beginning of a line.
func (t *tail) String() string {
	over := len(t.text) - logMost
	if over <= 0 {
		return string(t.text)
	}
	return string(t.text[over+bytes.IndexByte(t.text[over:], '\n')+1:])
}

// last is the last line that says something.
func (t *tail) last() string {
	trimmed := bytes.TrimSpace(t.text)
	return string(trimmed[bytes.LastIndexByte(trimmed, '\n')+1:])
}
