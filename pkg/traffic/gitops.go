package traffic

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// GitOps says what keeps the Argo CD or Flux that a route comes from from writing its weights back while a rollout
// runs: nothing for a route that comes from neither. docs/gitops.md explains it.
func GitOps(r Route) []string {
	object, err := r.object()
	if err != nil || r.Row.Form == TwinForm { // green's own object is not written
		return nil
	}
	var lines []string
	u := &unstructured.Unstructured{Object: object}
	labels := u.GetLabels()
	if fromArgo(u) {
		lines = append(lines,
			"Argo CD, in the Application: syncPolicy.syncOptions: [RespectIgnoreDifferences=true]",
			fmt.Sprintf("  ignoreDifferences: [{group: %q, kind: %s, namespace: %s, name: %s, managedFieldsManagers: [%s]}]",
				r.Row.Group, r.Row.Kind, r.Namespace, r.Name, owner))
	}
	if name, ok := labels["kustomize.toolkit.fluxcd.io/name"]; ok {
		namespace := labels["kustomize.toolkit.fluxcd.io/namespace"]
		lines = append(lines, fmt.Sprintf("Flux: flux suspend kustomization %s -n %s; when the rollout has ended: flux resume kustomization %[1]s -n %[2]s",
			name, namespace))
	}
	if name, ok := labels["helm.toolkit.fluxcd.io/name"]; ok {
		lines = append(lines, fmt.Sprintf("Flux, in HelmRelease %s/%s: driftDetection.ignore: [{paths: [%s], target: {kind: %s, name: %s}}]",
			labels["helm.toolkit.fluxcd.io/namespace"], name, strings.Join(r.Row.pointers(), ", "), r.Row.Kind, r.Name))
	}
	return lines
}

func fromArgo(u *unstructured.Unstructured) bool {
	_, tracked := u.GetAnnotations()["argocd.argoproj.io/tracking-id"]
	_, labelled := u.GetLabels()["argocd.argoproj.io/instance"]
	return tracked || labelled || slices.ContainsFunc(u.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return strings.HasPrefix(e.Manager, "argocd-")
	})
}

// pointers are the JSON pointers of what a rollout writes in the row's objects, each up to the first list on its way.
func (r Row) pointers() []string {
	var all []string
	add := func(path string) {
		first, _, _ := strings.Cut(path, "[*]")
		if p := steps(strings.Split(first, ".")).pointer(); path != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	for _, l := range r.Lists {
		add(l.Path)
		if !strings.Contains(l.Path, "[*]") {
			add(l.First)
			add(l.Single)
		}
	}
	if r.Via != nil {
		add(r.Via.List)
	}
	if r.Weights != "" {
		add("metadata.annotations")
	}
	return all
}
