package scenario

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/playground/food"
)

// helmGreen is the story with a green that Helm installed.
func helmGreen(t *testing.T, c *cluster) {
	const ns = "food-helm"
	c.helmGreen(t, ns)
	t.Run("defective", func(t *testing.T) { c.defective(t, ns) })
	t.Run("healthy", func(t *testing.T) {
		c.healthy(t, ns, "secrets/sh.helm.release.v1."+food.Service+".v2", "secrets/sh.helm.release.v1."+food.Frontend+".v2",
			"secrets/sh.helm.release.v1."+food.Service+".v1", "secrets/sh.helm.release.v1."+food.Frontend+".v1") // superseded
		list := c.helm(t, ns, "list", "--short")
		if got := strings.Join(strings.Fields(list), " "); got != food.Frontend+" "+food.Service {
			t.Errorf("helm list shows %s", list)
		}
		for _, component := range []string{food.Service, food.Frontend} {
			if values := c.helm(t, ns, "get", "values", component); !strings.Contains(values, "2.1.0") {
				t.Errorf("release %s does not know its new tag:\n%s", component, values)
			}
		}
	})
}

// helmGreen installs each component of the food service at 1.0.0 as a Helm release, and waits until it serves.
func (c *cluster) helmGreen(t *testing.T, ns string) {
	t.Helper()
	c.namespace(t, ns)
	c.apply(t, ns, c.manifests(ns), "Gateway", "ConfigMap")
	for _, component := range []string{food.Service, food.Frontend} {
		c.helm(t, ns, "install", component, filepath.Join(testdata, "charts/food"),
			"--set", "name="+component, "--set", "image.repository=localhost/"+component,
			"--set", "image.tag=1.0.0", "--set", "route.host="+host(component, ns))
	}
	c.serves(t, ns, "1.0.0", food.Service, food.Frontend)
}

// helm runs bin/helm in namespace ns and returns what it printed.
func (c *cluster) helm(t *testing.T, ns string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "helm", "helm"), append(args, "-n", ns)...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	if c.kubeconfig != "" {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+c.kubeconfig)
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}
