package scenario

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Where `make` puts the binaries, and the repository's blueprints and charts.
const (
	bin      = "../../bin"
	testdata = "../../testdata"
)

// cluster is where scenarios run.
type cluster struct {
	kubeconfig string // file; "" is the current context, as the plugin finds it
	gateway    string // base URL of the data plane
	prometheus string // URL; "": the plugin finds it
	class      string // the data plane's GatewayClass
	port       int    // the port its listeners have
	testImage  string // for tests' Jobs; "": the plugin's default
	standby    string // the standby's image; "": the plugin's default

	config    *rest.Config
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	discovery discovery.DiscoveryInterface
}

// connect starts a playground, or takes the current kubeconfig context.
func connect(t *testing.T) *cluster {
	if os.Getenv("DRO_E2E") != "" {
		return fromEnvironment(t)
	}
	return startPlayground(t)
}

// dial makes the clients of c's kubeconfig.
func (c *cluster) dial(t *testing.T) *cluster {
	t.Helper()
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	must(t, "read the kubeconfig", err)
	config.QPS = -1 // a snapshot lists every kind of object there is
	c.config = config
	c.client, err = kubernetes.NewForConfig(config)
	must(t, "connect", err)
	c.dynamic, err = dynamic.NewForConfig(config)
	must(t, "connect", err)
	c.discovery = c.client.Discovery()
	return c
}

// binary is the path of one of the repository's own binaries, which must have been built.
func binary(t *testing.T, name, target string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(bin, name))
	must(t, "find bin/"+name, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/%s is not built: run `make %s` first (`make test` does)", name, target)
	}
	return path
}

func must(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}
