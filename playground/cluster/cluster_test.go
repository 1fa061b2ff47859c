package cluster

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"dro.dev/kubectl-dro/playground/food"
)

func TestImages(t *testing.T) {
	catalogue := images(nil)
	for image, want := range map[string]bool{
		"localhost/prometheus:1":          true,
		"localhost/hms-svc-food:1.0.0":    true,
		"localhost/food-delivery:2.1.0":   true,
		"localhost/hms-svc-food:9.9.9":    false,
		"localhost/hms-svc-food":          false,
		"example.com/hms-svc-food:1.0.0":  false,
		"localhost/other:1.0.0":           false,
		"localhost/prometheus:2":          false,
		"localhost/x/hms-svc-food:1.0.0":  false,
		"docker.io/library/busybox:1.0.0": false,
	} {
		if _, known := catalogue(image); known != want {
			t.Errorf("%s: known %v", image, known)
		}
	}
	crash, known := catalogue("localhost/hms-svc-food:crash")
	if !known {
		t.Fatal("there is no image that crashes")
	}
	if _, err := crash(nil, io.Discard); err == nil {
		t.Error("the image that crashes does not")
	}
}

func TestWorking(t *testing.T) {
	deployment := schema.GroupKind{Group: "apps", Kind: "Deployment"}
	route := schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}
	crd := schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	for name, tc := range map[string]struct {
		kind   schema.GroupKind
		object string
		want   bool
	}{
		"deployment":                   {deployment, `{metadata: {generation: 2}, spec: {replicas: 1}, status: {observedGeneration: 2, availableReplicas: 1}}`, true},
		"deployment not seen yet":      {deployment, `{metadata: {generation: 2}, spec: {replicas: 1}, status: {observedGeneration: 1, availableReplicas: 1}}`, false},
		"deployment of two, one there": {deployment, `{metadata: {generation: 1}, spec: {replicas: 2}, status: {observedGeneration: 1, availableReplicas: 1}}`, false},
		"deployment, no status":        {deployment, `{metadata: {generation: 1}, spec: {replicas: 1}}`, false},
		"route":                        {route, `{spec: {parentRefs: [{name: g}]}, status: {parents: [{conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "True"}]}]}}`, true},
		"route, refs unresolved":       {route, `{spec: {parentRefs: [{name: g}]}, status: {parents: [{conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "False"}]}]}}`, false},
		"route, one of two parents":    {route, `{spec: {parentRefs: [{name: g}, {name: h}]}, status: {parents: [{conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "True"}]}]}}`, false},
		"route, nobody looked":         {route, `{spec: {parentRefs: [{name: g}]}}`, false},
		"crd":                          {crd, `{status: {conditions: [{type: NamesAccepted, status: "True"}, {type: Established, status: "True"}]}}`, true},
		"crd, names only":              {crd, `{status: {conditions: [{type: NamesAccepted, status: "True"}]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := parse([]byte(strings.Replace(tc.object, "{", "{apiVersion: v1, kind: K, ", 1)))
			if err != nil || len(objects) != 1 {
				t.Fatal(objects, err)
			}
			if got := working[tc.kind](objects[0]); got != tc.want {
				t.Errorf("works: %v", got)
			}
		})
	}
}

func TestParse(t *testing.T) {
	objects, err := parse([]byte("# nothing\n---\n{apiVersion: v1, kind: A}\n---\n\n---\n{apiVersion: v1, kind: B}\n"))
	if err != nil || len(objects) != 2 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
	for _, text := range []string{"a: [", "a: 1"} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q is taken for an object", text)
		}
	}
	for _, text := range [][]byte{base, food.Render(gatewayClass, gatewayPort)} {
		objects, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if o.GetName() == "" || o.GetKind() == "" {
				t.Errorf("an object without kind or name: %v", o)
			}
		}
	}
}

func TestOnePlaygroundInAFolder(t *testing.T) {
	dir := t.TempDir()
	first, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(dir); err == nil || !strings.Contains(err.Error(), "another playground") {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockFolder(dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	if _, err := listenUnix("/tmp/" + strings.Repeat("x", longestSocket)); err == nil || !strings.Contains(err.Error(), "shorter --dir") {
		t.Errorf("a path that is too long: %v", err)
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // as an earlier run that was killed leaves one
		t.Fatal(err)
	}
	l, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
