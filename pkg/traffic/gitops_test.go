package traffic

import (
	"strings"
	"testing"
)

func TestGitOps(t *testing.T) {
	for name, tc := range map[string]struct{ metadata, want string }{
		"by hand": {`{"labels":{"app.kubernetes.io/instance":"food"}}`, ""},
		"argo cd": {`{"annotations":{"argocd.argoproj.io/tracking-id":"food:x"}}`, `name: food, managedFieldsManagers: [kubectl-dro]}]`},
		"argo cd, by its writes": {`{"managedFields":[{"manager":"argocd-controller","operation":"Apply"}]}`,
			`ignoreDifferences: [{group: "gateway.networking.k8s.io", kind: HTTPRoute, namespace: ns`},
		"flux kustomize": {`{"labels":{"kustomize.toolkit.fluxcd.io/name":"apps","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}}`,
			"flux suspend kustomization apps -n flux-system"},
		"flux helm": {`{"labels":{"helm.toolkit.fluxcd.io/name":"food","helm.toolkit.fluxcd.io/namespace":"ns"}}`,
			"in HelmRelease ns/food: driftDetection.ignore: [{paths: [/spec/rules], target: {kind: HTTPRoute, name: food}}]"},
	} {
		got := strings.Join(GitOps(routeOf(`{"metadata":`+tc.metadata+`}`)), "\n")
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestPointers(t *testing.T) {
	for row, want := range map[string]string{
		"gateway-api": "/spec/rules", "istio": "/spec/http /spec/tls /spec/tcp", "openshift": "/spec/alternateBackends /spec/to",
		"nginx-virtualserver": "/spec/routes /spec/upstreams", "skipper-ingress": "/spec/rules /metadata/annotations", "aws-alb": "/metadata/annotations",
	} {
		for _, r := range Rows() {
			if r.Name == row && strings.Join(r.pointers(), " ") != want {
				t.Errorf("%s: %v", row, r.pointers())
			}
		}
	}
}
