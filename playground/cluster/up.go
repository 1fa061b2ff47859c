package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/network"
	"dro.dev/kubectl-dro/playground/node"
	"dro.dev/kubectl-dro/playground/process"
)

const (
	nodeName      = "playground"
	nodeAddress   = "10.244.0.1" // made-up, as all pods' are
	apiAddress    = "10.244.0.2"
	serviceRange  = "10.96.0.0/16"
	gatewayClass  = "playground"
	gatewayPort   = 80  // the listener's, as the Gateway says; the real one is Ready.Gateway's
	longestSocket = 100 // macOS takes 103 bytes
	readyFile     = "ready"
)

// Options say what to start. A port of 0 is any free one.
type Options struct {
	Dir            string // state and logs
	APIPort        int
	GatewayPort    int
	PrometheusPort int
	CRDs           string // folder that has the Gateway API's CRDs
	Empty          bool   // without the food service
	Plugin         string // path of the plugin's binary, which its image stands for; empty: nobody can pull that image
	Log            *slog.Logger
}

// Ready is what a user of the cluster needs to know; it is also the content of DIR/ready.
type Ready struct {
	Kubeconfig string `json:"kubeconfig"`
	Gateway    string `json:"gateway"`
	Prometheus string `json:"prometheus"`
}

// Cluster is a running playground.
type Cluster struct {
	Ready
	dir     string
	log     *slog.Logger
	network *network.Network
	group   *process.Group
	reaper  *process.Reaper
	config  *rest.Config
	client  kubernetes.Interface
	node    node.Options
	life    context.Context
	end     context.CancelCauseFunc
	parts   sync.WaitGroup
	lock    io.Closer
}

// Up starts everything and returns when it works. The cluster lives until Close, or until a part of it breaks (Done).
func Up(ctx context.Context, o Options) (*Cluster, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state's folder: %w", err)
	}
	if err := os.Remove(filepath.Join(o.Dir, readyFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove an earlier run's ready file: %w", err)
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancelCause(context.Background())
	c := &Cluster{dir: o.Dir, log: o.Log, network: network.New(), life: life, end: end, lock: lock}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Done is closed when the cluster can't go on; Err says why.
func (c *Cluster) Done() <-chan struct{} { return c.life.Done() }

// Err says which part broke. It is nil while all work and after Close.
func (c *Cluster) Err() error {
	if err := context.Cause(c.life); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close ends everything, in the reverse of the order in which it was started.
func (c *Cluster) Close() error {
	c.end(nil)
	c.parts.Wait()
	if c.group != nil {
		c.group.Stop()
	}
	var err error
	if c.reaper != nil {
		err = c.reaper.Close()
	}
	return errors.Join(err, c.lock.Close())
}

func (c *Cluster) start(ctx context.Context, o Options) error {
	if err := c.startControl(ctx, o); err != nil {
		return err
	}
	install, err := newInstaller(c.config)
	if err != nil {
		return err
	}
	o.Log.Info("installing the Gateway API")
	if err := install.folder(ctx, o.CRDs); err != nil {
		return err
	}
	if err := c.network.Follow(c.life, c.client); err != nil {
		return err
	}
	metrics, err := c.startGateway(o)
	if err != nil {
		return err
	}
	if err := c.startPrometheus(ctx, o, metrics); err != nil {
		return err
	}
	o.Log.Info("waiting for everything to work")
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := install.manifests(ctx, base); err != nil {
		return err
	}
	if err := c.untilMeasured(ctx); err != nil {
		return err
	}
	if !o.Empty {
		if err := c.installFood(ctx, install); err != nil {
			return err
		}
	}
	text, err := json.Marshal(c.Ready)
	if err != nil {
		return fmt.Errorf("encode ready file: %w", err)
	}
	return writeWhole(filepath.Join(o.Dir, readyFile), append(text, '\n'))
}

// installFood installs the food service and waits until its users would be served.
func (c *Cluster) installFood(ctx context.Context, install *installer) error {
	if err := install.manifests(ctx, food.Render(gatewayClass, gatewayPort)); err != nil {
		return err
	}
	for _, host := range []string{"food.example", "food-delivery.example"} {
		if err := c.untilServed(ctx, host); err != nil {
			return err
		}
	}
	return nil
}

// untilServed waits until the gateway has heard of a host's pods, which can be a moment after they are ready.
func (c *Cluster) untilServed(ctx context.Context, host string) error {
	return again(ctx, "the gateway to serve "+host, func() error {
		status, err := ask(ctx, c.Gateway+"/healthz", host)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("it answers %d", status)
		}
		return err
	})
}

// untilMeasured waits until Prometheus's Service leads to its pod.
func (c *Cluster) untilMeasured(ctx context.Context) error {
	return again(ctx, "service monitoring/prometheus to answer", func() error {
		_, err := c.client.CoreV1().Services("monitoring").ProxyGet("http", "prometheus", "9090", "/-/ready", nil).DoRaw(ctx)
		return err
	})
}

// again tries until it works, for what can't be watched from outside.
func again(ctx context.Context, what string, try func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

func ask(ctx context.Context, url, host string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Host = host
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
