package scenario

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"dro.dev/kubectl-dro/playground/food"
)

// fromEnvironment takes the cluster of the current kubeconfig context. The environment says:
//
//	GATEWAY_URL    where its Gateway API data plane answers, on a loopback address
//	GATEWAY_CLASS  the data plane's GatewayClass
//	LISTENER_PORT  the port of the data plane's listeners; default 80
//	TEST_IMAGE     an image with sh and curl; default: the plugin's
//	LOAD_IMAGE     a command that brings an image into the cluster, called as
//	               command NAME:TAG ENTRYPOINT SRC:DST …; default: kind
func fromEnvironment(t *testing.T) *cluster {
	c := &cluster{gateway: os.Getenv("GATEWAY_URL"), class: os.Getenv("GATEWAY_CLASS"), testImage: os.Getenv("TEST_IMAGE")}
	if c.gateway == "" || c.class == "" {
		t.Fatal("set GATEWAY_URL (where the cluster's data plane answers, on a loopback address) and GATEWAY_CLASS")
	}
	port, err := strconv.Atoi(cmp.Or(os.Getenv("LISTENER_PORT"), "80"))
	must(t, "read LISTENER_PORT", err)
	c.port = port
	c.dial(t)
	arch := c.architecture(t)
	load := loader(t, arch)
	for _, component := range []string{food.Service, food.Frontend} {
		for _, tag := range []string{"1.0.0", "2.0.0", "2.1.0", "broken", "fair"} {
			must(t, "load image "+component+":"+tag, load(build(t, component, tag, arch), "localhost/"+component+":"+tag))
		}
	}
	c.standby = "localhost/kubectl-dro:e2e"
	must(t, "load the plugin's image", load(binary(t, "kubectl-dro", "build"), c.standby))
	return c
}

// architecture is what the cluster's nodes run.
func (c *cluster) architecture(t *testing.T) string {
	nodes, err := c.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{Limit: 1})
	must(t, "list nodes", err)
	if len(nodes.Items) == 0 {
		t.Fatal("the cluster has no node")
	}
	return nodes.Items[0].Status.NodeInfo.Architecture
}

// build makes one tag of a component as a static binary and returns its path.
func build(t *testing.T, component, tag, arch string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), component)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out,
		"-ldflags", "-s -w -X main.component="+component+" -X main.tag="+tag, "../food/cmd/food")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("build %s:%s: %v\n%s", component, tag, err, said)
	}
	return out
}

// loader brings a binary into the cluster as an image.
func loader(t *testing.T, arch string) func(binary, image string) error {
	t.Helper()
	if command := os.Getenv("LOAD_IMAGE"); command != "" {
		return func(binary, image string) error {
			entry := "/" + filepath.Base(binary)
			return run(t, command, image, entry, binary+":"+entry)
		}
	}
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	must(t, "read the kubeconfig", err)
	name, isKind := strings.CutPrefix(config.CurrentContext, "kind-")
	if !isKind {
		t.Fatalf("context %q is no kind cluster: set LOAD_IMAGE to a command that brings an image into it", config.CurrentContext)
	}
	return func(binary, image string) error {
		archive := filepath.Join(t.TempDir(), "image.tar")
		if err := writeImage(archive, image, binary, arch); err != nil {
			return err
		}
		return run(t, "kind", "load", "image-archive", archive, "--name", name)
	}
}

// run runs a command and shows what it says.
func run(t *testing.T, name string, args ...string) error {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	t.Logf("%s %s\n%s", name, strings.Join(args, " "), said)
	return err
}
