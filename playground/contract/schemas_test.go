package contract

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// published are the schemas that projects carry in a Go module. They are read where Go keeps modules; nothing is
// compiled, nothing copied. A module without a version is one that the playground requires anyway.
var published = []struct{ module, version, sum, files string }{
	{module: "sigs.k8s.io/gateway-api", files: "config/crd/experimental/gateway.networking.k8s.io_*.yaml"},
	{"istio.io/api", "v1.31.4", "h1:AcnncYrlDj1PJkym7h88Gggkef4MAra8QpGaXRMsr+E=", "kubernetes/customresourcedefinitions.gen.yaml"},
	{"github.com/traefik/traefik/v3", "v3.7.13", "h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw=",
		"docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"},
	{"github.com/projectcontour/contour", "v1.33.8", "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0=", "examples/contour/01-crds.yaml"},
	{"knative.dev/serving", "v0.51.0", "h1:yN2Q7eYqJgoPfZkATjoBZyGbZ2P1Qhns9HIMU4mF+to=", "config/core/300-resources/*.yaml"},
}

// written are the schemas of the others.
//
//go:embed schemas.yaml
var written []byte

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// installSchemas makes the API server know the resources that it doesn't know by itself.
func installSchemas(t testing.TB, config *rest.Config, wanted map[schema.GroupVersionResource]bool) {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	must(t, "connect", err)
	server, err := discovery.NewDiscoveryClientForConfig(config)
	must(t, "connect", err)
	known := definitions(t)
	for gvr := range wanted {
		if serves(server, gvr) {
			continue
		}
		name := gvr.GroupResource().String()
		definition, ok := known[name]
		if !ok {
			t.Fatalf("no schema of %s is published or written: say in schemas_test.go where it is", name)
		}
		_, err := client.Resource(crds).Create(t.Context(), definition, metav1.CreateOptions{})
		must(t, "install "+name, err)
	}
	for gvr := range wanted {
		eventually(t, "the API server serves "+gvr.String(), func() bool { return serves(server, gvr) })
	}
}

func serves(server discovery.DiscoveryInterface, gvr schema.GroupVersionResource) bool {
	list, err := server.ServerResourcesForGroupVersion(gvr.GroupVersion().String())
	if err != nil {
		return false
	}
	for _, r := range list.APIResources {
		if r.Name == gvr.Resource {
			return true
		}
	}
	return false
}

// definitions are all CRDs, by name.
func definitions(t testing.TB) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	add := func(from string, text []byte) {
		for _, o := range documents(t, from, text) {
			if o.GetKind() != "CustomResourceDefinition" {
				continue
			}
			if all[o.GetName()] != nil {
				t.Fatalf("%s: there is a schema of %s already", from, o.GetName())
			}
			all[o.GetName()] = o
		}
	}
	for _, p := range published {
		files, err := filepath.Glob(filepath.Join(moduleDir(t, p.module, p.version, p.sum), p.files))
		must(t, "list the schemas of "+p.module, err)
		if len(files) == 0 {
			t.Fatalf("module %s %s has no %s", p.module, p.version, p.files)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			must(t, "read a schema", err)
			add(file, text)
		}
	}
	add("schemas.yaml", written)
	return all
}

// moduleDir is where Go keeps a module, which is fetched if need be.
func moduleDir(t testing.TB, module, version, sum string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = t.TempDir() // outside this module: it is no dependency of it
	if version == "" {
		cmd = exec.CommandContext(t.Context(), "go", "list", "-m", "-json", module)
	}
	out, err := cmd.Output()
	var said *exec.ExitError
	if errors.As(err, &said) {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, said.Stderr)
	}
	must(t, cmd.String(), err)
	var m struct{ Dir, Sum string }
	must(t, "read what go says of "+module, json.Unmarshal(out, &m))
	if sum != "" && m.Sum != sum {
		t.Fatalf("module %s %s has the sum %s, want %s", module, version, m.Sum, sum)
	}
	return m.Dir
}

// documents reads the objects of a YAML stream.
func documents(t testing.TB, from string, text []byte) []*unstructured.Unstructured {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var all []*unstructured.Unstructured
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, "read "+from, err)
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}

func eventually(t testing.TB, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ask(); {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
