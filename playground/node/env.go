package node

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// configs reads what pods refer to. Not found is an error of the API's kind.
type configs interface {
	configMap(namespace, name string) (*corev1.ConfigMap, error)
	secret(namespace, name string) (*corev1.Secret, error)
}

// environment works out c's variables: envFrom first, then env, where $(NAME) stands for what came before.
func environment(pod *corev1.Pod, c *corev1.Container, known configs) (map[string]string, error) {
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		values, err := envFrom(pod.Namespace, from, known)
		if err != nil {
			return nil, err
		}
		for name, value := range values {
			env[from.Prefix+name] = value
		}
	}
	for _, v := range c.Env {
		if v.ValueFrom == nil {
			env[v.Name] = expand(v.Value, env)
			continue
		}
		value, found, err := valueFrom(pod, c, v.ValueFrom, known)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name, err)
		}
		if found {
			env[v.Name] = value
		}
	}
	return env, nil
}

func expand(text string, env map[string]string) string {
	return expansion.Expand(text, expansion.MappingFuncFor(env))
}

func envFrom(namespace string, from corev1.EnvFromSource, known configs) (map[string]string, error) {
	values := map[string]string{}
	switch {
	case from.ConfigMapRef != nil:
		m, err := known.configMap(namespace, from.ConfigMapRef.Name)
		if err != nil {
			return nil, unlessOptional(err, from.ConfigMapRef.Optional)
		}
		maps.Copy(values, m.Data)
	case from.SecretRef != nil:
		s, err := known.secret(namespace, from.SecretRef.Name)
		if err != nil {
			return nil, unlessOptional(err, from.SecretRef.Optional)
		}
		for name, value := range s.Data {
			values[name] = string(value)
		}
	}
	return values, nil
}

// valueFrom answers not found for an optional value that is not there.
func valueFrom(pod *corev1.Pod, c *corev1.Container, from *corev1.EnvVarSource, known configs) (value string, found bool, err error) {
	switch {
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		m, err := known.configMap(pod.Namespace, ref.Name)
		if err != nil {
			return "", false, unlessOptional(err, ref.Optional)
		}
		value, found = m.Data[ref.Key]
		return value, found, missingKey(found, ref.Optional, ref.Key, "ConfigMap", ref.Name)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		s, err := known.secret(pod.Namespace, ref.Name)
		if err != nil {
			return "", false, unlessOptional(err, ref.Optional)
		}
		text, found := s.Data[ref.Key]
		return string(text), found, missingKey(found, ref.Optional, ref.Key, "Secret", ref.Name)
	case from.FieldRef != nil:
		value, err := field(pod, from.FieldRef.FieldPath)
		return value, err == nil, err
	case from.ResourceFieldRef != nil:
		value, err := resource.ExtractContainerResourceValue(from.ResourceFieldRef, c)
		return value, err == nil, err
	}
	return "", false, fmt.Errorf("the playground knows no such source; use configMapKeyRef, secretKeyRef, fieldRef or resourceFieldRef")
}

func unlessOptional(err error, optional *bool) error {
	if apierrors.IsNotFound(err) && optional != nil && *optional {
		return nil
	}
	return err
}

func missingKey(found bool, optional *bool, key, kind, name string) error {
	if found || optional != nil && *optional {
		return nil
	}
	return fmt.Errorf("couldn't find key %s in %s %s", key, kind, name)
}

// field reads a field of the pod; those that only the node knows are expected in its status.
func field(pod *corev1.Pod, path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return pod.Status.HostIP, nil
	case "status.podIP", "status.podIPs":
		return pod.Status.PodIP, nil
	}
	return fieldpath.ExtractFieldPathAsString(pod, path)
}

// pairs turns an environment into what a process takes, in a steady order.
func pairs(env map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		all = append(all, name+"="+env[name])
	}
	return all
}
