package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// usualPort is where a handler listens whose container names no port.
const usualPort = 8080

// neverRan is a run that could not be started.
type neverRan struct{ exit chan int }

func failed() neverRan {
	run := neverRan{make(chan int, 1)}
	run.exit <- 128 // what a container runtime gives when it can't start the command
	return run
}

func (n neverRan) ended() <-chan int  { return n.exit }
func (n neverRan) stop(time.Duration) {}

func (p *pod) startHandler(c *container, env map[string]string, output io.Writer) (running, error) {
	program, _ := p.node.Catalogue(c.spec.Image)
	mounts := mountsOf(c.spec, p.volumes())
	for name, value := range env {
		env[name] = localise(value, mounts)
	}
	h, err := program(env, output)
	if err != nil { // the program ran, and said why it will not go on
		fmt.Fprintln(output, err)
		return crashed(), nil
	}
	var listeners []net.Listener
	for _, port := range ports(c.spec) {
		l, err := p.node.Network.Listen(p.ip, port)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close() // nothing has used it yet
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return serve(h, listeners, output), nil
}

// crashed is a program that has ended with exit code 1.
func crashed() *served {
	s := serve(nil, nil, io.Discard)
	s.end(1)
	return s
}

func ports(c *corev1.Container) []int {
	var all []int
	for _, p := range c.Ports {
		if p.Protocol == corev1.ProtocolTCP || p.Protocol == "" {
			all = append(all, int(p.ContainerPort))
		}
	}
	if len(all) == 0 {
		return []int{usualPort}
	}
	return all
}

func (p *pod) startCommand(c *container, env map[string]string, output io.Writer) (running, error) {
	mounts := mountsOf(c.spec, p.volumes())
	var words []string
	program, isEntry := p.node.entry(c.spec)
	if isEntry {
		words = []string{program}
	}
	for _, word := range append(append([]string(nil), c.spec.Command...), c.spec.Args...) {
		words = append(words, localise(expand(word, env), mounts))
	}
	folder := filepath.Join(p.folder, "containers", c.spec.Name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for container %s: %w", c.spec.Name, err)
	}
	usual, err := p.processEnvironment(folder)
	if err != nil {
		return nil, err
	}
	if isEntry {
		if usual["KUBECONFIG"], err = p.writeKubeconfig(p.node.life, folder); err != nil {
			return nil, err
		}
	}
	for name, value := range env {
		usual[name] = localise(value, mounts)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = folder
	cmd.Env = pairs(usual)
	return runLocal(p.node.Reaper, cmd, output)
}

// processEnvironment is what every local process gets. The API server is reached directly, all else through the proxy.
func (p *pod) processEnvironment(home string) (map[string]string, error) {
	door, err := p.door(p.node.life)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(p.node.API)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	return map[string]string{
		"PATH":                    os.Getenv("PATH"),
		"HOME":                    home,
		"TMPDIR":                  home,
		"HOSTNAME":                p.object.Name,
		"KUBERNETES_SERVICE_HOST": host,
		"KUBERNETES_SERVICE_PORT": port,
		"http_proxy":              door,
		"HTTP_PROXY":              door,
		"https_proxy":             door,
		"HTTPS_PROXY":             door,
		"no_proxy":                host,
		"NO_PROXY":                host,
	}, nil
}

// preStop runs the container's hook, within the grace period.
func (p *pod) preStop(c *container) {
	if c.spec.Lifecycle == nil || c.spec.Lifecycle.PreStop == nil || p.node.life.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(p.node.life, p.gracePeriod())
	defer cancel()
	hook := c.spec.Lifecycle.PreStop
	switch {
	case hook.Sleep != nil:
		sleep(ctx, time.Duration(hook.Sleep.Seconds)*time.Second)
	default:
		p.event(c, corev1.EventTypeWarning, "FailedPreStopHook", "the playground's preStop hooks can only sleep")
	}
}
