package control

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"
)

func TestCertificates(t *testing.T) {
	now := time.Now()
	ca, err := newAuthority("test", now)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca.cert) {
		t.Fatal("the CA's own certificate can't be read")
	}
	for name, tc := range map[string]struct {
		hosts []string
		use   x509.ExtKeyUsage
		host  string
		ok    bool
	}{
		"server, address":         {[]string{"127.0.0.1", "kubernetes"}, x509.ExtKeyUsageServerAuth, "127.0.0.1", true},
		"server, name":            {[]string{"127.0.0.1", "kubernetes"}, x509.ExtKeyUsageServerAuth, "kubernetes", true},
		"server, somebody else's": {[]string{"127.0.0.1"}, x509.ExtKeyUsageServerAuth, "10.96.0.1", false},
		"server as a client":      {[]string{"127.0.0.1"}, x509.ExtKeyUsageClientAuth, "", false},
		"client":                  {nil, x509.ExtKeyUsageClientAuth, "", true},
		"client as a server":      {nil, x509.ExtKeyUsageServerAuth, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ca.issue(pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}, tc.hosts, now)
			if err != nil {
				t.Fatal(err)
			}
			both, err := tls.X509KeyPair(p.cert, p.key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = both.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: tc.host, KeyUsages: []x509.ExtKeyUsage{tc.use}})
			if (err == nil) != tc.ok {
				t.Errorf("verified: %v", err)
			}
			if both.Leaf.Subject.Organization[0] != "system:masters" {
				t.Errorf("subject %s", both.Leaf.Subject)
			}
		})
	}
}

func TestPrepareTakesAnEarlierRunOver(t *testing.T) {
	dir := paths(t.TempDir())
	o := Options{Dir: string(dir), Port: 6443, Address: "10.244.0.2", Node: "10.244.0.1", Services: "10.96.0.0/16", Egress: "/s"}
	if _, err := prepare(dir, o, time.Now()); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir.caCert(), dir.tokenKey(), dir.tokenPublic())
	o.Port = 7443
	plane, err := prepare(dir, o, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if after := read(t, dir.caCert(), dir.tokenKey(), dir.tokenPublic()); after != before {
		t.Error("the second run has another CA or another token key")
	}
	config, err := clientcmd.BuildConfigFromFlags("", plane.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:7443" {
		t.Errorf("the kubeconfig leads to %s", config.Host)
	}
	if err := os.WriteFile(dir.caKey(), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(dir, o, time.Now()); err == nil || !strings.Contains(err.Error(), "remove the folder") {
		t.Errorf("a spoiled CA: %v", err)
	}
}

func read(t *testing.T, files ...string) string {
	t.Helper()
	var all []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return strings.Join(all, "")
}

// A controller whose name is wrong would keep the controller manager from starting.
func TestControllersExist(t *testing.T) {
	for _, wanted := range []string{names.DeploymentController, names.JobController, names.EndpointSliceController, names.NamespaceController, names.GarbageCollectorController} {
		if !slices.Contains(controllers[:], wanted) {
			t.Errorf("%s is left out", wanted)
		}
	}
	if !slices.IsSorted(controllers[:]) {
		t.Error("the controllers are not in order")
	}
}

func TestFirstService(t *testing.T) {
	if got, err := firstService("10.96.0.0/16"); err != nil || got != "10.96.0.1" {
		t.Errorf("got %s %v", got, err)
	}
	if _, err := firstService("10.96.0.0"); err == nil {
		t.Error("an address is taken for a range")
	}
}

func TestUntilTellsWhy(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("one\ntwo: bind: address already in use\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	refused := errors.New("connection refused")
	asked := 0
	err := until(ctx, "etcd", log, func(context.Context) error {
		if asked++; asked == 2 {
			cancel()
		}
		return refused
	})
	if !errors.Is(err, refused) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "two: bind: address already in use") {
		t.Errorf("error %v", err)
	}
}

func TestUnknownComponent(t *testing.T) {
	for _, name := range []string{Etcd, APIServer, ControllerManager, Scheduler} {
		if !Known(name) {
			t.Errorf("%s is not known", name)
		}
	}
	if Known("kubelet") || Run("kubelet", nil) == 0 {
		t.Error("the kubelet is taken for a component")
	}
}
