package scenario

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// event is one line of `-o json`, as documented.
type event struct {
	Time      time.Time `json:"time"`
	Type      string    `json:"type"`
	Rollout   string    `json:"rollout"`
	App       string    `json:"app"`
	Namespace string    `json:"namespace"`
	Step      struct {
		ID, Kind, Title, Phase, Component string
		Traffic                           int
	} `json:"step"`
	Images  json.RawMessage `json:"images"`
	Traffic *int            `json:"traffic"`
	KPIs    json.RawMessage `json:"kpis"`
	Message string          `json:"message"`
	Error   string          `json:"error"`
	Took    float64         `json:"tookSeconds"`
}

// launch is a running `kubectl dro launch`.
type launch struct {
	cmd    *exec.Cmd
	began  time.Time
	lines  chan event
	events []event // taken from lines so far
	broken string  // the first line that is no event
	stderr bytes.Buffer
}

// launch starts the plugin on a blueprint, given as its text, in namespace ns.
func (c *cluster) launch(t *testing.T, ns, blueprint string, more ...string) *launch {
	t.Helper()
	args := append([]string{"launch", save(t, blueprint), "-n", ns, "-o", "json"}, c.flags()...)
	l := &launch{cmd: plugin(t, append(args, more...)...), began: time.Now(), lines: make(chan event, 10_000)}
	l.cmd.Stderr = &l.stderr
	stdout, err := l.cmd.StdoutPipe()
	must(t, "start the plugin", err)
	must(t, "start the plugin", l.cmd.Start())
	go func() {
		defer close(l.lines)
		for in := bufio.NewScanner(stdout); in.Scan(); {
			var e event
			strict := json.NewDecoder(bytes.NewReader(in.Bytes()))
			strict.DisallowUnknownFields()
			if err := strict.Decode(&e); err != nil && l.broken == "" {
				l.broken = in.Text()
			}
			l.lines <- e
		}
	}()
	return l
}

// planned waits until the plugin can plan the launch of a blueprint, as it can't before green's KPIs have data, and
// checks that the plan names these things.
func (c *cluster) planned(t *testing.T, ns, blueprint string, words ...string) {
	t.Helper()
	args := append([]string{"plan", save(t, blueprint), "-n", ns}, c.flags()...)
	var plan string
	eventually(t, "the launch can be planned", func() (bool, string) {
		said, err := plugin(t, args...).CombinedOutput()
		plan = string(said)
		return err == nil, plan
	})
	says(t, plan, words...)
}

// plugin is the plugin's command, which ends when the test does.
func plugin(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, binary(t, "kubectl-dro", "build"), args...)
}

// save writes a blueprint to a file.
func save(t *testing.T, blueprint string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "blueprint.yaml")
	must(t, "write the blueprint", os.WriteFile(file, []byte(blueprint), 0o600))
	return file
}

// flags tell the plugin which cluster it is.
func (c *cluster) flags() []string {
	var flags []string
	if c.kubeconfig != "" {
		flags = append(flags, "--kubeconfig", c.kubeconfig)
	}
	return flags
}

// until waits for an event of that type.
func (l *launch) until(t *testing.T, typ string) event {
	t.Helper()
	for e := range l.lines {
		l.events = append(l.events, e)
		if e.Type == typ {
			return e
		}
	}
	t.Fatalf("the launch ended without %s:\n%s", typ, l.told())
	return event{}
}

// begins waits until a step of that kind begins.
func (l *launch) begins(t *testing.T, kind string) {
	t.Helper()
	for l.until(t, "step.started").Step.Kind != kind {
	}
}

// end waits for the plugin and checks its exit code.
func (l *launch) end(t *testing.T, exit int) {
	t.Helper()
	for e := range l.lines {
		l.events = append(l.events, e)
	}
	err := l.cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("run the plugin: %v", err)
	}
	if l.broken != "" {
		t.Errorf("a line of -o json is not an event as documented: %s", l.broken)
	}
	if got := l.cmd.ProcessState.ExitCode(); got != exit {
		t.Errorf("exit code %d, want %d:\n%s", got, exit, l.told())
	}
}

// count is how many events of that type there were.
func (l *launch) count(typ string) int {
	n := 0
	for _, e := range l.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// last is the last event of that type, or none.
func (l *launch) last(typ string) event {
	for i := len(l.events) - 1; i >= 0; i-- {
		if l.events[i].Type == typ {
			return l.events[i]
		}
	}
	return event{}
}

// share is the largest part of the traffic that blue was given.
func (l *launch) share() int {
	largest := 0
	for _, e := range l.events {
		if e.Traffic != nil {
			largest = max(largest, *e.Traffic)
		}
	}
	return largest
}

// told is all that the plugin said, for a failed test's message.
func (l *launch) told() string {
	var b strings.Builder
	for _, e := range l.events {
		line, _ := json.Marshal(e)
		b.Write(append(line, '\n'))
	}
	return b.String() + l.stderr.String()
}
