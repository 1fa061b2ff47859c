package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"dro.dev/kubectl-dro/playground/load"
)

const (
	rate       = 100             // requests a second to each component
	warmUp     = 5 * time.Second // so that green has numbers to compare with
	aftermath  = 3 * time.Second // watched after each launch, to see who answers now
	launchTime = 3 * time.Minute // more than a launch takes; then it is interrupted, which rolls back
)

// Story is where the story is told. All is needed.
type Story struct {
	Kubeconfig string
	Gateway    string // URL
	Plugin     string // path of kubectl-dro
	Blueprints string // folder with the two blueprints
	Namespace  string
	Out        io.Writer
}

// chapter is one launch and what is expected of it.
type chapter struct {
	title     string
	blueprint string
	exit      int    // the plugin's exit code
	live      string // the version that alone answers afterwards
}

func chapters() []chapter {
	return []chapter{
		{"2.0.0 fails one payment in fifty once it has real load: it must come back by itself", "foodsvc_v2.yaml", 2, "1.0.0"},
		{"2.1.0 is the corrected version: it must go all the way", "foodsvc_v2.1.yaml", 0, "2.1.0"},
	}
}

// Guests are those who use the food service: requests for both components through a gateway, each at a rate a second.
func Guests(gateway string, rate float64) []load.Target {
	return []load.Target{
		{URL: gateway, Host: "food.example", Path: "/pay", Rate: rate},
		{URL: gateway, Host: "food-delivery.example", Path: "/", Rate: rate},
	}
}

// Run tells the story and returns what did not go as it should have.
func (s Story) Run(ctx context.Context) error {
	traffic, err := load.Start(ctx, Guests(s.Gateway, rate))
	if err != nil {
		return err
	}
	defer traffic.Stop()
	fmt.Fprintf(s.Out, "sending %d requests a second to each of the two components through %s\n", rate, s.Gateway)
	if err := sleep(ctx, warmUp); err != nil {
		return err
	}
	var wrong []error
	for _, c := range chapters() {
		if err := s.tell(ctx, c, traffic); err != nil {
			fmt.Fprintf(s.Out, "✗ %v\n", err)
			wrong = append(wrong, err)
		}
		if ctx.Err() != nil {
			return errors.Join(wrong...)
		}
	}
	traffic.Stop()
	counts := traffic.Counts()
	fmt.Fprintf(s.Out, "\n%s", table(counts))
	return errors.Join(append(wrong, judge(counts)...)...)
}

// tell launches one blueprint and looks at who answers afterwards.
func (s Story) tell(ctx context.Context, c chapter, traffic *load.Load) error {
	blueprint := filepath.Join(s.Blueprints, c.blueprint)
	fmt.Fprintf(s.Out, "\n# %s\n$ kubectl dro launch %s -n %s --wait\n", c.title, blueprint, s.Namespace)
	began := time.Now()
	code, err := s.launch(ctx, blueprint)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "(exit code %d after %.0f s)\n", code, time.Since(began).Seconds())
	if code != c.exit {
		return fmt.Errorf("launch %s: exit code %d instead of %d", c.blueprint, code, c.exit)
	}
	// Counts are kept by the second: what was sent in the present one may belong to before.
	since := time.Now().Truncate(time.Second).Add(time.Second)
	if err := sleep(ctx, time.Until(since)+aftermath); err != nil {
		return err
	}
	return alone(traffic.Since(since), c.live)
}

// launch runs the plugin with its output passed on, so that it sees a terminal where there is one.
func (s Story) launch(ctx context.Context, blueprint string) (code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, launchTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Plugin, "launch", blueprint, "-n", s.Namespace, "--wait")
	cmd.Stdout, cmd.Stderr = s.Out, s.Out
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C reaches it once: from here
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute // to roll back in
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("launch %s: %w", blueprint, err)
	}
	return 0, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
