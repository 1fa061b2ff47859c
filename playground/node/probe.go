package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"dro.dev/kubectl-dro/playground/network"
)

// tally counts a probe's results and says what they amount to.
type tally struct {
	successes, failures int // in a row
	holds               bool
}

// add counts one result and answers whether holds changed by it.
func (t *tally) add(ok bool, p *corev1.Probe) bool {
	before := t.holds
	if ok {
		t.successes, t.failures = t.successes+1, 0
		t.holds = t.holds || t.successes >= int(max(p.SuccessThreshold, 1))
	} else {
		t.successes, t.failures = 0, t.failures+1
		t.holds = t.holds && t.failures < int(max(p.FailureThreshold, 1))
	}
	return t.holds != before
}

// exhausted says whether the failures are enough to end the container, for a probe that does.
func (t *tally) exhausted(p *corev1.Probe) bool { return t.failures >= int(max(p.FailureThreshold, 1)) }

// target is what is probed.
type target struct {
	ip    string
	ports []corev1.ContainerPort
	dial  network.DialFunc
}

// probe asks once.
func (t target) probe(ctx context.Context, p *corev1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(p.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case p.HTTPGet != nil:
		return t.get(ctx, p.HTTPGet)
	case p.TCPSocket != nil:
		port, err := t.port(p.TCPSocket.Port)
		if err != nil {
			return err
		}
		conn, err := t.dial(ctx, "tcp", net.JoinHostPort(t.ip, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return conn.Close()
	}
	return fmt.Errorf("the playground probes with httpGet and tcpSocket only")
}

func (t target) get(ctx context.Context, g *corev1.HTTPGetAction) error {
	port, err := t.port(g.Port)
	if err != nil {
		return err
	}
	if g.Scheme == corev1.URISchemeHTTPS {
		return fmt.Errorf("the playground's pods serve plain HTTP: set the probe's scheme to HTTP")
	}
	path, query, _ := strings.Cut(g.Path, "?")
	at := url.URL{Scheme: "http", Host: net.JoinHostPort(t.ip, strconv.Itoa(port)), Path: path, RawQuery: query}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe/1.37")
	for _, h := range g.HTTPHeaders {
		if strings.EqualFold(h.Name, "Host") {
			request.Host = h.Value
			continue
		}
		request.Header.Add(h.Name, h.Value)
	}
	client := http.Client{Transport: &http.Transport{DialContext: t.dial, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 10<<10)); err != nil {
		return err
	}
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", answer.StatusCode)
	}
	return nil
}

func (t target) port(p intstr.IntOrString) (int, error) {
	if p.Type == intstr.Int {
		return p.IntValue(), nil
	}
	for _, port := range t.ports {
		if port.Name == p.StrVal {
			return int(port.ContainerPort), nil
		}
	}
	return 0, fmt.Errorf("the container has no port named %q", p.StrVal)
}

// every probes until ctx ends and hands each result on; done says that no more is needed.
func (t target) every(ctx context.Context, p *corev1.Probe, result func(error) (done bool)) {
	wait := time.NewTimer(time.Duration(p.InitialDelaySeconds) * time.Second)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		err := t.probe(ctx, p)
		if ctx.Err() != nil || result(err) {
			return
		}
		wait.Reset(time.Duration(max(p.PeriodSeconds, 1)) * time.Second)
	}
}
