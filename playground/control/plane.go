package control

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"dro.dev/kubectl-dro/playground/process"
)

// Options say where a control plane lives. All are needed.
type Options struct {
	Dir      string // its state; an earlier run's is taken over
	Port     int    // the API server's, on 127.0.0.1
	Address  string // made-up address of the API server: what the Service kubernetes leads to
	Node     string // made-up address of the node: the API server asks it for logs
	Services string // range of the Services' addresses
	Egress   string // unix socket of the CONNECT proxy that reaches made-up addresses
}

// Plane is a running control plane.
type Plane struct {
	Kubeconfig string       // path of the administrator's
	Config     *rest.Config // the same user, for the playground's own parts
	NodeTLS    *tls.Config  // what the node serves its API with; only the API server may connect
}

// Start starts the four components as children in group and returns when they are at work.
func Start(ctx context.Context, group *process.Group, o Options) (*Plane, error) {
	files := paths(o.Dir)
	plane, err := prepare(files, o, time.Now())
	if err != nil {
		return nil, err
	}
	if err := group.Start(Etcd, etcdFlags(files)...); err != nil {
		return nil, err
	}
	if err := until(ctx, "etcd", group.Log(Etcd), func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", files.etcdSocket())
		if err != nil {
			return err
		}
		return conn.Close()
	}); err != nil {
		return nil, err
	}
	if err := group.Start(APIServer, apiServerFlags(files, o)...); err != nil {
		return nil, err
	}
	if err := plane.untilReady(ctx, group.Log(APIServer)); err != nil {
		return nil, err
	}
	return plane, errors.Join(
		group.Start(ControllerManager, controllerManagerFlags(files)...),
		group.Start(Scheduler, schedulerFlags(files)...),
	)
}

// prepare writes everything the components read.
func prepare(files paths, o Options, now time.Time) (*Plane, error) {
	if err := os.MkdirAll(files.in("pki"), 0o700); err != nil {
		return nil, fmt.Errorf("make folder for certificates: %w", err)
	}
	ca, err := authorityIn(files, now)
	if err != nil {
		return nil, err
	}
	if err := tokenKeyIn(files); err != nil {
		return nil, err
	}
	hosts := []string{"127.0.0.1", "localhost", o.Address, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	first, err := firstService(o.Services)
	if err != nil {
		return nil, err
	}
	if err := issueTo(files, ca, serverCert, append(hosts, first), now); err != nil {
		return nil, err
	}
	if err := issueTo(files, ca, nodeClient, nil, now); err != nil {
		return nil, err
	}
	if err := write(files.egress(), egressConfig(o.Egress)); err != nil {
		return nil, err
	}
	server := "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port))
	for user, path := range map[string]string{"admin": files.kubeconfig(), "component": files.internal()} {
		client, err := ca.issue(pkix.Name{CommonName: user, Organization: []string{"system:masters"}}, nil, now)
		if err != nil {
			return nil, err
		}
		if err := writeKubeconfig(path, kubeconfig(server, user, ca.cert, client)); err != nil {
			return nil, err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", files.kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	nodeTLS, err := nodeTLS(ca, o.Node, now)
	if err != nil {
		return nil, err
	}
	return &Plane{Kubeconfig: files.kubeconfig(), Config: config, NodeTLS: nodeTLS}, nil
}

func issueTo(files paths, ca *authority, name string, hosts []string, now time.Time) error {
	p, err := ca.issue(pkix.Name{CommonName: name}, hosts, now)
	if err != nil {
		return err
	}
	return errors.Join(write(files.cert(name), p.cert), write(files.key(name), p.key))
}

func nodeTLS(ca *authority, address string, now time.Time) (*tls.Config, error) {
	p, err := ca.issue(pkix.Name{CommonName: nodeServer}, []string{address}, now)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.x509)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
	}, nil
}

// firstService is the address that the API server gives its own Service: the first of the range.
func firstService(cidr string) (string, error) {
	ip, _, err := net.ParseCIDR(cidr)
	if err != nil {
		return "", fmt.Errorf("read service range: %w", err)
	}
	ip[len(ip)-1]++
	return ip.String(), nil
}

func (p *Plane) untilReady(ctx context.Context, log string) error {
	config := rest.CopyConfig(p.Config)
	config.Timeout = 2 * time.Second
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("make client for the API server: %w", err)
	}
	return until(ctx, APIServer, log, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", answer.Status, body)
		}
		return nil
	})
}

// until asks again and again, as a process that is not there yet can't be watched.
func until(ctx context.Context, what, log string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w\n%s", what, ctx.Err(), err, lastLines(log, 10))
		case <-tick.C:
		}
	}
}

// lastLines shows the end of a log, which usually has the reason.
func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Sprintf("the end of %s:\n%s", path, bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
