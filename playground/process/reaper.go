package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// ReaperCommand is the hidden first argument under which the binary must call Reap(os.Stdin).
const ReaperCommand = "reaper"

// Reaper ends process groups when this process ends.
type Reaper struct {
	mu    sync.Mutex
	input io.WriteCloser
	cmd   *exec.Cmd
}

// StartReaper starts the child that waits for this process's end.
func StartReaper() (*Reaper, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	cmd := exec.Command(self, ReaperCommand)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start reaper: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start reaper: %w", err)
	}
	return &Reaper{input: input, cmd: cmd}, nil
}

// Start starts cmd in a process group of its own that ends with this process. The caller calls cmd.Wait and then Done.
func (r *Reaper) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(r.input, "+%d\n", cmd.Process.Pid); err != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return fmt.Errorf("tell reaper about process %d: %w", cmd.Process.Pid, err)
	}
	return nil
}

// Done ends what cmd left behind in its group, and forgets the group.
func (r *Reaper) Done(cmd *exec.Cmd) error {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually nothing is left
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := fmt.Fprintf(r.input, "-%d\n", cmd.Process.Pid); err != nil {
		return fmt.Errorf("tell reaper about process %d: %w", cmd.Process.Pid, err)
	}
	return nil
}

// Close ends the reaper, and with it every group it still knows.
func (r *Reaper) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.input.Close(); err != nil {
		return fmt.Errorf("close reaper: %w", err)
	}
	return r.cmd.Wait()
}
