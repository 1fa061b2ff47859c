package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

//go:embed base.yaml
var base []byte

const fieldManager = "playground"

// installer puts manifests into the cluster and waits for what they describe to work.
type installer struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func newInstaller(config *rest.Config) (*installer, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return &installer{client, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}, nil
}

// folder applies the manifests in a folder and waits until their CRDs serve.
func (i *installer) folder(ctx context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return fmt.Errorf("list manifests: %w", err)
	}
	if len(files) == 0 {
		return fmt.Errorf("no Gateway API manifests in %q: build with `make playground`, which says where they are", folder)
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read manifest: %w", err)
		}
		objects, err := parse(text)
		if err != nil {
			return fmt.Errorf("read manifest %s: %w", file, err)
		}
		all = append(all, objects...)
	}
	if err := i.applyAndWait(ctx, all); err != nil {
		return err
	}
	i.mapper.Reset()
	return nil
}

// manifests applies them and waits until what they describe works.
func (i *installer) manifests(ctx context.Context, text []byte) error {
	objects, err := parse(text)
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	return i.applyAndWait(ctx, objects)
}

func (i *installer) applyAndWait(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		resource, err := i.resource(o)
		if err != nil {
			return err
		}
		if _, err := resource.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
			return fmt.Errorf("apply %s: %w", describe(o), err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, o := range objects {
		works, known := working[o.GroupVersionKind().GroupKind()]
		if !known {
			continue
		}
		group.Go(func() error { return i.wait(ctx, o, works) })
	}
	return group.Wait()
}

// wait watches o until it works.
func (i *installer) wait(ctx context.Context, o *unstructured.Unstructured, works func(*unstructured.Unstructured) bool) error {
	resource, err := i.resource(o)
	if err != nil {
		return err
	}
	one := fields.OneTermEqualSelector("metadata.name", o.GetName()).String()
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = one
			return resource.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = one
			return resource.Watch(ctx, options)
		},
	}
	_, err = watchtools.UntilWithSync(ctx, lw, &unstructured.Unstructured{}, nil, func(e watch.Event) (bool, error) {
		now, ok := e.Object.(*unstructured.Unstructured)
		return ok && works(now), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s to work: %w", describe(o), errors.Join(err, ctx.Err()))
	}
	return nil
}

func (i *installer) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	mapping, err := i.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, fmt.Errorf("find the resource of %s: %w", describe(o), err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return i.client.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
	}
	return i.client.Resource(mapping.Resource), nil
}

func describe(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return fmt.Sprintf("%s %s", o.GetKind(), o.GetName())
	}
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// parse reads the documents of a YAML stream; empty ones are left out.
func parse(text []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var all []*unstructured.Unstructured
	for {
		raw := runtime.RawExtension{}
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if len(raw.Raw) == 0 || string(raw.Raw) == "null" {
			continue
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(raw.Raw); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
}
