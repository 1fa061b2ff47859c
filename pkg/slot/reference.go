package slot

import "strings"

// reference is a place where an object names another of a kind; without a kind, the name has its kind beside it.
type reference struct{ path, kind string }

// podReferences are those of a pod's spec.
var podReferences = []reference{
	{"volumes.*.configMap.name", "ConfigMap"},
	{"volumes.*.secret.secretName", "Secret"},
	{"volumes.*.projected.sources.*.configMap.name", "ConfigMap"},
	{"volumes.*.projected.sources.*.secret.name", "Secret"},
	{"containers.*.env.*.valueFrom.configMapKeyRef.name", "ConfigMap"},
	{"containers.*.env.*.valueFrom.secretKeyRef.name", "Secret"},
	{"containers.*.envFrom.*.configMapRef.name", "ConfigMap"},
	{"containers.*.envFrom.*.secretRef.name", "Secret"},
	{"initContainers.*.env.*.valueFrom.configMapKeyRef.name", "ConfigMap"},
	{"initContainers.*.env.*.valueFrom.secretKeyRef.name", "Secret"},
	{"initContainers.*.envFrom.*.configMapRef.name", "ConfigMap"},
	{"initContainers.*.envFrom.*.secretRef.name", "Secret"},
	{"imagePullSecrets.*.name", "Secret"},
	{"serviceAccountName", "ServiceAccount"},
	{"serviceAccount", "ServiceAccount"},
}

// objectReferences are those of other objects, by their kind.
var objectReferences = map[string][]reference{
	"HorizontalPodAutoscaler": {{"spec.scaleTargetRef.name", ""}},
	"RoleBinding":             {{"subjects.*.name", ""}, {"roleRef.name", ""}},
	"ServiceAccount":          {{"imagePullSecrets.*.name", "Secret"}, {"secrets.*.name", "Secret"}},
	"StatefulSet":             {{"spec.serviceName", "Service"}},
}

// rename calls visit for every reference in o and puts the name that it returns in place.
func rename(o object, visit func(kind, name string) string) {
	at := func(content any, refs []reference) {
		for _, r := range refs {
			each(content, r.path, func(m map[string]any, key string) {
				kind := r.kind
				if kind == "" {
					kind, _ = m["kind"].(string)
				}
				if name, ok := m[key].(string); ok {
					m[key] = visit(kind, name)
				}
			})
		}
	}
	at(o.Object, objectReferences[o.GetKind()])
	if isWorkload(o) {
		each(o.Object, "spec.template.spec", func(m map[string]any, key string) { at(m[key], podReferences) })
	}
}

// renameTaken gives every object whose name green has another, and lets the others refer to it by that.
func renameTaken(all []object, taken map[string]bool) {
	renamed := map[string]string{}
	for _, o := range all {
		if taken[id(o)] {
			renamed[id(o)] = blueName(o.GetName(), longestName)
		}
	}
	for _, o := range all {
		rename(o, func(kind, name string) string {
			if to, ok := renamed[kind+"/"+name]; ok {
				return to
			}
			return name
		})
		if to, ok := renamed[id(o)]; ok {
			o.SetName(to)
		}
	}
}

// referenced lists what o refers to, as kind/name.
func referenced(o object) map[string]bool {
	found := map[string]bool{}
	rename(o, func(kind, name string) string {
		found[kind+"/"+name] = true
		return name
	})
	return found
}

// foreignAnnotations belong to tools that take an object for their own by them, or act on what is out of the cluster.
var foreignAnnotations = []string{
	"kubectl.kubernetes.io/", "meta.helm.sh/", "helm.sh/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/",
	"helm.toolkit.fluxcd.io/", "deployment.kubernetes.io/", "external-dns.alpha.kubernetes.io/",
	"service.beta.kubernetes.io/", "cloud.google.com/",
}

func ownAnnotations(all map[string]string) map[string]string {
	own := map[string]string{}
	for key, value := range all {
		foreign := false
		for _, prefix := range foreignAnnotations {
			foreign = foreign || strings.HasPrefix(key, prefix)
		}
		if !foreign {
			own[key] = value
		}
	}
	return own
}
