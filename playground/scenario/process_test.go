package scenario

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dro.dev/kubectl-dro/playground/faults"
)

// process is a command of the plugin that runs on a field.
type process struct {
	field *field
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
}

// start starts the plugin.
func (f *field) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{field: f, cmd: plugin(t, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	must(t, "start the plugin", p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is for others to judge
	}()
	return p
}

// end waits for the process. What it said goes to the field's account; it is returned, too.
func (p *process) end() string {
	<-p.ended
	fmt.Fprintf(&p.field.said, "$ kubectl dro %s\n%s(%s)\n", strings.Join(p.cmd.Args[1:], " "), p.out.String(), p.cmd.ProcessState)
	return p.out.String()
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	must(t, "signal the plugin", p.cmd.Process.Signal(s))
}

// startLaunch starts the launch of a release through a proxy that ends it at that point.
func (f *field) startLaunch(t *testing.T, r release, at faults.Point, more ...string) (*process, *faults.Proxy) {
	t.Helper()
	proxy, err := faults.Serve(f.config, at)
	must(t, "start the proxy", err)
	t.Cleanup(func() { _ = proxy.Close() })
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, "write the proxy's kubeconfig", proxy.Kubeconfig(kubeconfig))
	p := f.start(t, append([]string{"launch", save(t, f.blueprint(r)), "-n", f.ns, "--kubeconfig", kubeconfig, "--standby", "off"}, more...)...)
	proxy.Aim(p.cmd.Process)
	return p, proxy
}

// launch runs the launch of a release to its end, or to that point.
func (f *field) launch(t *testing.T, r release, at faults.Point, more ...string) *faults.Proxy {
	t.Helper()
	p, proxy := f.startLaunch(t, r, at, more...)
	p.end()
	return proxy
}

// startCommand starts a command on the rollout.
func (f *field) startCommand(t *testing.T, verb string) *process {
	t.Helper()
	return f.start(t, verb, f.id, "-n", f.ns, "--kubeconfig", f.kubeconfig)
}

// command runs a command on the rollout.
func (f *field) command(t *testing.T, verb string) {
	t.Helper()
	f.startCommand(t, verb).end()
}

// reaches waits until the rollout is in that state, and has that share of the traffic on blue.
func (f *field) reaches(t *testing.T, state string, traffic int) {
	t.Helper()
	eventually(t, "the rollout is "+state, func() (bool, string) {
		rec, err := f.read(t)
		return rec != nil && rec.State == state && rec.Traffic == traffic, fmt.Sprintf("%+v (%v)", rec, err)
	})
}
