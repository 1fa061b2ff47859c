package kpi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Access is how Prometheus, or what speaks its API, is reached. It is kept in the record and holds no secret.
type Access struct {
	Address  string            `json:"address,omitempty"` // a URL, or namespace/service:port; empty: found in the cluster
	Secret   string            `json:"secret,omitempty"`  // name of a Secret in the rollout's namespace
	Headers  map[string]string `json:"headers,omitempty"`
	Insecure bool              `json:"insecure,omitempty"` // the server's certificate is not checked
}

// The keys of the Secret. A key header.NAME holds a header that is secret.
const (
	keyToken    = "token"
	keyUser     = "username"
	keyPassword = "password"
	keyCA       = "ca.crt"
	keyCert     = "tls.crt"
	keyKey      = "tls.key"
	keyHeader   = "header."
)

func openPrometheus(ctx context.Context, way Way) (Source, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	a := way.Prometheus
	through, err := client(ctx, way, a)
	if err != nil {
		return nil, "", err
	}
	return FindPrometheus(ctx, way.Client, a.Address, through)
}

// client is what carries the requests.
func client(ctx context.Context, way Way, a Access) (*http.Client, error) {
	if u, err := url.Parse(a.Address); err == nil && u.User != nil {
		return nil, errors.New("prometheus: its address holds a name or password\n  put them into a Secret, and name that")
	}
	secret := &corev1.Secret{}
	if a.Secret != "" || a.Insecure {
		if !strings.HasPrefix(a.Address, "http://") && !strings.HasPrefix(a.Address, "https://") {
			return nil, errors.New("prometheus: a secret and insecure are for a URL: the way through the API server has the kubeconfig's credentials")
		}
	}
	if a.Secret != "" {
		found, err := way.Client.CoreV1().Secrets(way.Namespace).Get(ctx, a.Secret, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("prometheus: read secret %s/%s: %w", way.Namespace, a.Secret, err)
		}
		secret = found
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("prometheus: the HTTP transport is not Go's own")
	}
	transport = transport.Clone()
	config, err := tlsOf(a, secret)
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = config
	headers, err := headersOf(a, secret)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: dressed{headers, transport}}, nil
}

func tlsOf(a Access, secret *corev1.Secret) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.Insecure} //nolint:gosec // asked for by name
	if ca := secret.Data[keyCA]; len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("prometheus: secret %s: %s holds no certificate", a.Secret, keyCA)
		}
	}
	if cert, key := secret.Data[keyCert], secret.Data[keyKey]; len(cert) > 0 || len(key) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("prometheus: secret %s: %s and %s are not a pair", a.Secret, keyCert, keyKey)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func headersOf(a Access, secret *corev1.Secret) (http.Header, error) {
	headers := http.Header{}
	for name, value := range a.Headers {
		headers.Set(name, value)
	}
	value := func(key string) string { return strings.TrimSpace(string(secret.Data[key])) }
	for key := range secret.Data {
		switch name, header := strings.CutPrefix(key, keyHeader); {
		case header:
			headers.Set(name, value(key))
		case key != keyToken && key != keyUser && key != keyPassword && key != keyCA && key != keyCert && key != keyKey:
			return nil, fmt.Errorf("prometheus: secret %s: unknown key %q; there are %s, %s, %s, %s, %s, %s and %sNAME", a.Secret, key,
				keyToken, keyUser, keyPassword, keyCA, keyCert, keyKey, keyHeader)
		}
	}
	token, user := value(keyToken), value(keyUser)
	switch {
	case token != "" && user != "":
		return nil, fmt.Errorf("prometheus: secret %s: it has both %s and %s", a.Secret, keyToken, keyUser)
	case token != "":
		headers.Set("Authorization", "Bearer "+token)
	case user != "":
		req := http.Request{Header: headers}
		req.SetBasicAuth(user, value(keyPassword))
	}
	return headers, nil
}

// dressed adds headers to each request.
type dressed struct {
	headers http.Header
	next    http.RoundTripper
}

func (d dressed) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	for name, values := range d.headers {
		req.Header[name] = values
	}
	return d.next.RoundTrip(req)
}
