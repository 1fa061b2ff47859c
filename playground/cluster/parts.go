package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/playground/control"
	"dro.dev/kubectl-dro/playground/gateway"
	"dro.dev/kubectl-dro/playground/network"
	"dro.dev/kubectl-dro/playground/node"
	"dro.dev/kubectl-dro/playground/process"
	"dro.dev/kubectl-dro/playground/prometheus"
)

// startControl starts the door to the made-up network and then the control plane, whose API server uses it.
func (c *Cluster) startControl(ctx context.Context, o Options) error {
	egress, err := listenUnix(filepath.Join(o.Dir, "egress.sock"))
	if err != nil {
		return err
	}
	c.keep("egress", func(ctx context.Context) error { return network.ServeProxy(ctx, egress, c.network.DialContext) })
	if c.group, err = process.NewGroup(o.Dir, o.Log); err != nil {
		return err
	}
	if c.reaper, err = process.StartReaper(); err != nil {
		return err
	}
	port := o.APIPort
	if port == 0 {
		if port, err = freePort(); err != nil {
			return err
		}
	}
	o.Log.Info("starting etcd and the control plane")
	plane, err := control.Start(ctx, c.group, control.Options{
		Dir: o.Dir, Port: port, Address: apiAddress, Node: nodeAddress, Services: serviceRange, Egress: egress.Addr().String(),
	})
	if err != nil {
		return err
	}
	c.Kubeconfig = plane.Kubeconfig
	c.config = rest.CopyConfig(plane.Config)
	c.config.QPS = -1 // the playground's parts need not be held back
	typed := rest.CopyConfig(c.config)
	typed.ContentType, typed.AcceptContentTypes = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf,application/json"
	if c.client, err = kubernetes.NewForConfig(typed); err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	api := strings.TrimPrefix(plane.Config.Host, "https://")
	c.network.Map(apiAddress, port, api)
	c.node = node.Options{
		Name: nodeName, Address: nodeAddress, Dir: o.Dir, API: api, Client: c.client, Network: c.network, Reaper: c.reaper, TLS: plane.NodeTLS, Log: o.Log,
	}
	return nil
}

// startGateway starts the data plane and returns the address of its metrics.
func (c *Cluster) startGateway(o Options) (metrics string, err error) {
	traffic, err := listenLoopback("gateway", o.GatewayPort)
	if err != nil {
		return "", err
	}
	numbers, err := listenLoopback("gateway's metrics", 0)
	if err != nil {
		return "", err
	}
	c.Gateway = "http://" + traffic.Addr().String()
	g, err := gateway.New(c.config, c.network.DialContext, traffic.Addr().String())
	if err != nil {
		return "", err
	}
	c.serve("gateway", traffic, g)
	c.serve("gateway's metrics", numbers, g.Metrics())
	c.keep("gateway's controller", g.Run)
	return numbers.Addr().String(), nil
}

// startPrometheus starts Prometheus and the node, one of whose images it is.
func (c *Cluster) startPrometheus(ctx context.Context, o Options, metrics string) error {
	l, err := listenLoopback("prometheus", o.PrometheusPort)
	if err != nil {
		return err
	}
	c.Prometheus = "http://" + l.Addr().String()
	p, err := prometheus.New(c.config, filepath.Join(o.Dir, "prometheus"), c.network.DialContext, metrics)
	if err != nil {
		return err
	}
	c.keep("prometheus", p.Run)
	answers := p.Handler()
	c.serve("prometheus", l, answers)

	c.node.Catalogue, c.node.Entry = images(answers), entry(o.Plugin)
	registered := make(chan struct{})
	c.keep("node", func(ctx context.Context) error { return node.Run(ctx, c.node, registered) })
	select {
	case <-registered:
		return nil
	case <-c.life.Done():
		return c.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep runs a part for as long as the cluster lives. A part that ends before that ends the cluster.
func (c *Cluster) keep(name string, run func(context.Context) error) {
	c.parts.Go(func() {
		err := run(c.life)
		if c.life.Err() == nil {
			c.end(fmt.Errorf("the playground's %s ended: %w", name, errors.Join(err, errUnasked)))
		} else if err != nil && !errors.Is(err, context.Canceled) {
			c.log.Warn("a part did not end well", "part", name, "cause", err)
		}
	})
}

var errUnasked = errors.New("nobody asked it to")

// serve answers on l for as long as the cluster lives.
func (c *Cluster) serve(name string, l net.Listener, h http.Handler) {
	c.keep(name, func(ctx context.Context) error {
		// No time limits: one would cut a connection that a client has opened and not used yet, and the client's
		// next request may be on its way on it. A playground must not fail requests by itself.
		server := &http.Server{Handler: h}
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

func listenLoopback(what string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("listen for the %s: %w", what, err)
	}
	return l, nil
}

func listenUnix(path string) (net.Listener, error) {
	if len(path) > longestSocket {
		return nil, fmt.Errorf("the path of a socket in the state's folder is too long (%d bytes of %d): choose a shorter --dir", len(path), longestSocket)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove an earlier run's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for the API server: %w", err)
	}
	return l, nil
}

// freePort finds a port for a process that must be told one. Somebody may take it first; then that process says so.
func freePort() (int, error) {
	l, err := listenLoopback("API server", 0)
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// lockFolder keeps a second playground out of the folder; the system lets go of it when this process ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state's folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another playground runs in %s: end it or choose another --dir", dir), f.Close())
	}
	return f, nil
}

// writeWhole makes a file appear with all of its content at once, for those who wait for it.
func writeWhole(path string, content []byte) error {
	unfinished := path + ".new"
	if err := os.WriteFile(unfinished, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
