package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"dro.dev/kubectl-dro/playground/process"
)

const (
	exitTerminated = 128 + int(syscall.SIGTERM)
	exitKilled     = 128 + int(syscall.SIGKILL)
)

// running is one run of a container.
type running interface {
	// ended gets the exit code, once.
	ended() <-chan int
	// stop asks it to end, as SIGTERM does, and makes it when grace is over.
	stop(grace time.Duration)
}

// served is a handler that listens on the container's ports.
type served struct {
	servers []*http.Server
	exit    chan int
	once    sync.Once
}

// serve starts to answer on the listeners.
func serve(h http.Handler, listeners []net.Listener, output io.Writer) *served {
	s := &served{exit: make(chan int, 1)}
	for _, l := range listeners {
		server := &http.Server{Handler: h, ErrorLog: log.New(output, "", 0)} // no time limits: they cut connections not used yet
		s.servers = append(s.servers, server)
		go func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(output, err)
				s.end(1)
			}
		}()
	}
	return s
}

func (s *served) ended() <-chan int { return s.exit }

func (s *served) end(code int) { s.once.Do(func() { s.exit <- code }) }

// stop closes the listeners at once and lets requests in flight finish.
func (s *served) stop(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	code := 0
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, server := range s.servers {
		all.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				_ = server.Close()
				mu.Lock()
				defer mu.Unlock()
				code = exitKilled
			}
		})
	}
	all.Wait()
	s.end(code)
}

// local is a command that runs as a process of this machine.
type local struct {
	cmd  *exec.Cmd
	exit chan int
	over chan struct{}
}

// runLocal starts cmd; it ends with the playground however that ends.
func runLocal(reaper *process.Reaper, cmd *exec.Cmd, output io.Writer) (*local, error) {
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = time.Second // for output that a background process of the command still holds
	if err := reaper.Start(cmd); err != nil {
		return nil, err
	}
	l := &local{cmd: cmd, exit: make(chan int, 1), over: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
			fmt.Fprintln(output, err)
		}
		if err := reaper.Done(cmd); err != nil {
			fmt.Fprintln(output, err)
		}
		close(l.over)
		l.exit <- exitCode(cmd)
	}()
	return l, nil
}

func (l *local) ended() <-chan int { return l.exit }

func (l *local) stop(grace time.Duration) {
	_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGTERM) // it may have ended already
	select {
	case <-l.over:
	case <-time.After(grace):
		_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
		<-l.over
	}
}

// exitCode is the code as a container runtime gives it: 128 and the signal's number when a signal ended it.
func exitCode(cmd *exec.Cmd) int {
	if cmd.ProcessState == nil {
		return 1
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
