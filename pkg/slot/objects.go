package slot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type object = *unstructured.Unstructured

func newObject(apiVersion, kind, name string) object {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetName(name)
	return o
}

// id names an object for a person and as a key.
func id(o object) string { return o.GetKind() + "/" + o.GetName() }

// readObjects takes a manifest apart. Lists are opened.
func readObjects(manifest []byte) ([]object, error) {
	var all []object
	docs := k8syaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		content := map[string]any{}
		if err := docs.Decode(&content); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read rendered objects: %w", err)
		}
		if len(content) == 0 {
			continue // a document of comments
		}
		o := object(&unstructured.Unstructured{Object: content})
		if !o.IsList() {
			all = append(all, o)
			continue
		}
		err := o.EachListItem(func(item runtime.Object) error {
			all = append(all, item.(object))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read rendered %s: %w", o.GetKind(), err)
		}
	}
}

func writeObjects(all []object) ([]byte, error) {
	var out bytes.Buffer
	for _, o := range all {
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", id(o), err)
		}
		out.WriteString("---\n")
		out.Write(data)
	}
	return out.Bytes(), nil
}

// isWorkload says whether o runs pods from a template, in a way that allows a second copy.
func isWorkload(o object) bool { return o.GetKind() == "Deployment" || o.GetKind() == "StatefulSet" }

// template is the pod template of a workload.
func template(o object) (corev1.PodTemplateSpec, error) {
	var t corev1.PodTemplateSpec
	raw, _, err := unstructured.NestedMap(o.Object, "spec", "template")
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &t)
	}
	if err != nil {
		return t, fmt.Errorf("%s: read the pod template: %w", id(o), err)
	}
	return t, nil
}

// containers are the template's containers, those that run first included.
func containers(t corev1.PodTemplateSpec) []corev1.Container {
	return append(append([]corev1.Container{}, t.Spec.InitContainers...), t.Spec.Containers...)
}

// each calls visit for every place that path leads to: the map and its key. A * stands for all elements of a list.
func each(content any, path string, visit func(m map[string]any, key string)) {
	step, rest, more := strings.Cut(path, ".")
	if step == "*" {
		list, _ := content.([]any)
		for _, item := range list {
			each(item, rest, visit)
		}
		return
	}
	m, ok := content.(map[string]any)
	if !ok {
		return
	}
	next, ok := m[step]
	if !ok {
		return
	}
	if !more {
		visit(m, step)
		return
	}
	each(next, rest, visit)
}

// labelsAt returns the map of labels at path, made if there is none.
func labelsAt(o object, path ...string) (map[string]any, error) {
	m := o.Object
	for _, step := range path {
		next, ok := m[step].(map[string]any)
		if !ok {
			if m[step] != nil {
				return nil, fmt.Errorf("%s: %s is not a map", id(o), strings.Join(path, "."))
			}
			next = map[string]any{}
			m[step] = next
		}
		m = next
	}
	return m, nil
}
