package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	firstPause = 200 * time.Millisecond // before a child that died is started again
	longPause  = 5 * time.Second
	steady     = 30 * time.Second // a child that ran this long starts anew with the first pause
	patience   = time.Second      // between being asked to end and being made to
)

// Group keeps children of this binary running. Each child's pid is in DIR/pids/NAME, its output in DIR/logs/NAME.log.
type Group struct {
	dir      string
	self     string
	log      *slog.Logger
	children []*child
}

type child struct {
	name   string
	args   []string
	cancel context.CancelFunc
	ended  chan struct{}
}

// NewGroup prepares the folders of a group in dir.
func NewGroup(dir string, log *slog.Logger) (*Group, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	for _, sub := range []string{"pids", "logs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make folder for %s: %w", sub, err)
		}
	}
	return &Group{dir: dir, self: self, log: log}, nil
}

// Log is the file that has name's output.
func (g *Group) Log(name string) string { return filepath.Join(g.dir, "logs", name+".log") }

// Start starts this binary again as name with args, and starts it anew whenever it ends unasked.
func (g *Group) Start(name string, args ...string) error {
	ctx, cancel := context.WithCancel(context.Background())
	c := &child{name: name, args: args, cancel: cancel, ended: make(chan struct{})}
	cmd, err := g.launch(c)
	if err != nil {
		cancel()
		return err
	}
	g.children = append(g.children, c)
	go g.keep(ctx, c, cmd)
	return nil
}

// Stop ends the children, the one started last first.
func (g *Group) Stop() {
	for _, c := range slices.Backward(g.children) {
		c.cancel()
		<-c.ended
	}
}

// keep waits for c's process and starts another in its place until ctx ends.
func (g *Group) keep(ctx context.Context, c *child, cmd *exec.Cmd) {
	defer close(c.ended)
	pause := firstPause
	for {
		began := time.Now()
		err := wait(ctx, cmd)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > steady {
			pause = firstPause
		}
		g.log.Warn("a component ended and is started again", "component", c.name, "cause", err, "log", g.Log(c.name))
		for cmd = nil; cmd == nil; pause = min(2*pause, longPause) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			if cmd, err = g.launch(c); err != nil {
				g.log.Error("a component does not start", "component", c.name, "cause", err)
			}
		}
	}
}

func (g *Group) launch(c *child) (*exec.Cmd, error) {
	out, err := os.OpenFile(g.Log(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer func() { _ = out.Close() }() // the child has its own handle
	cmd := exec.Command(g.self, append([]string{c.name}, c.args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	// A proxy of the user's is not for these: everything they talk to is on this machine.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "TMPDIR=" + os.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is this process's to handle
	if _, err := cmd.StdinPipe(); err != nil {            // open for as long as this process lives; see ExitWithParent
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	pid := filepath.Join(g.dir, "pids", c.name)
	if err := os.WriteFile(pid, []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("record pid of %s: %w", c.name, err), cmd.Process.Kill(), cmd.Wait())
	}
	return cmd, nil
}

// wait waits for cmd's end and brings it about when ctx ends: first asking, then not.
func wait(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may end at this very moment
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		return <-ended
	}
}
