package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// snapshot is every object that matters to a scenario: its kind and name, and what it says apart from its status.
type snapshot map[string]string

// ignored are the kinds that come and go by themselves, or that other scenarios change at the same time.
var ignored = []string{"events", "endpoints", "namespaces", "nodes", "componentstatuses", "apiservices", "csinodes",
	"ipaddresses", "leases"}

// hand begins the names of what a scenario itself makes outside its namespace, where the others see it.
const hand = "dro-scenario-"

// snapshot reads every object in namespace ns and every cluster-scoped one. The plugin's own records are left out.
func (c *cluster) snapshot(t *testing.T, ns string) snapshot {
	t.Helper()
	lists, err := c.discovery.ServerPreferredResources()
	must(t, "discover the API's resources", err)
	out := snapshot{}
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, lists) {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		must(t, "discover the API's resources", err)
		for _, r := range list.APIResources {
			if slices.Contains(ignored, r.Name) || gv.Group == "metrics.k8s.io" {
				continue
			}
			in := ns
			if !r.Namespaced {
				in = ""
			}
			must(t, "list "+r.Name, c.add(t.Context(), out, gv.WithResource(r.Name), in))
		}
	}
	return out
}

// add lists one resource.
func (c *cluster) add(ctx context.Context, to snapshot, r schema.GroupVersionResource, ns string) error {
	list, err := c.dynamic.Resource(r).Namespace(ns).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range list.Items {
		if typ, _, _ := unstructured.NestedString(o.Object, "type"); typ == "dro.dev/rollout" || strings.HasPrefix(o.GetName(), hand) {
			continue
		}
		text, err := said(o)
		if err != nil {
			return err
		}
		to[r.GroupResource().String()+"/"+o.GetName()] = text
	}
	return nil
}

// said is what an object says, without what the cluster alone writes into it.
func said(o unstructured.Unstructured) (string, error) {
	unstructured.RemoveNestedField(o.Object, "status")
	for _, f := range []string{"resourceVersion", "generation", "managedFields"} {
		unstructured.RemoveNestedField(o.Object, "metadata", f)
	}
	// A chart writes its app's version everywhere; the Deployments' images say it better.
	unstructured.RemoveNestedField(o.Object, "metadata", "labels", "app.kubernetes.io/version")
	if o.GetKind() == "EndpointSlice" {
		// The controller notes when it last looked, and a pod's address may flicker with its readiness.
		return "", nil
	}
	text, err := json.MarshalIndent(o.Object, "", " ")
	return string(text), err
}

// diff lists what is different in now. A key that ends in * stands for all that begin like it.
func (s snapshot) diff(now snapshot, but ...string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(merged(s, now))) {
		was, before := s[key]
		is, after := now[key]
		expected := slices.ContainsFunc(but, func(b string) bool {
			prefix, wild := strings.CutSuffix(b, "*")
			return key == b || wild && strings.HasPrefix(key, prefix)
		})
		switch {
		case expected:
		case !before:
			out = append(out, "left behind: "+key)
		case !after:
			out = append(out, "gone: "+key)
		case was != is:
			out = append(out, fmt.Sprintf("changed: %s\n--- before\n%s\n--- after\n%s", key, was, is))
		}
	}
	return out
}

func merged(a, b snapshot) snapshot {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// unchanged checks that namespace ns holds what it held before, but for the keys named. Pods need a moment to end.
func (c *cluster) unchanged(t *testing.T, ns string, before snapshot, but ...string) {
	t.Helper()
	eventually(t, "the cluster is as it was before", func() (bool, string) {
		left := before.diff(c.snapshot(t, ns), but...)
		return len(left) == 0, strings.Join(left, "\n")
	})
}
