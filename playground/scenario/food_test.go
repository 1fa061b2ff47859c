package scenario

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/restmapper"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/playground/food"
	"dro.dev/kubectl-dro/playground/load"
)

// mark labels the namespaces that scenarios make.
const mark = "dro.dev/scenario"

// namespace makes an empty namespace. One that is there may be somebody's, so it is left alone, unless it is ending.
func (c *cluster) namespace(t *testing.T, ns string) {
	t.Helper()
	namespaces := c.client.CoreV1().Namespaces()
	eventually(t, "namespace "+ns+" has ended", func() (bool, string) {
		left, err := namespaces.Get(t.Context(), ns, metav1.GetOptions{})
		if err == nil && left.DeletionTimestamp == nil {
			t.Fatalf("namespace %s exists: another run uses it, or left it behind (kubectl delete namespace -l %s)", ns, mark)
		}
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	_, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: ns, Labels: map[string]string{mark: "true"}}}, metav1.CreateOptions{})
	must(t, "create namespace "+ns, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // the test's own has ended
		defer cancel()
		if err := namespaces.Delete(ctx, ns, metav1.DeleteOptions{}); err != nil {
			t.Errorf("remove namespace %s: %v", ns, err)
		}
	})
	eventually(t, "namespace "+ns+" has what every namespace has", func() (bool, string) {
		_, noCA := c.client.CoreV1().ConfigMaps(ns).Get(t.Context(), "kube-root-ca.crt", metav1.GetOptions{})
		_, noAccount := c.client.CoreV1().ServiceAccounts(ns).Get(t.Context(), "default", metav1.GetOptions{})
		return noCA == nil && noAccount == nil, fmt.Sprint(noCA, noAccount)
	})
	if c.testImage != "" {
		c.apply(t, ns, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: dro-config}, data: {testImage: %q, standbyImage: %q}}", c.testImage, c.standby))
	}
}

// apply creates the objects of a YAML text in namespace ns: all of them, or those of the kinds named.
func (c *cluster) apply(t *testing.T, ns, text string, kinds ...string) {
	t.Helper()
	groups, err := restmapper.GetAPIGroupResources(c.discovery)
	must(t, "discover the API's resources", err)
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	for _, doc := range strings.Split(text, "\n---\n") {
		var o unstructured.Unstructured
		must(t, "read a manifest", yaml.Unmarshal([]byte(doc), &o.Object))
		if len(kinds) > 0 && !slices.Contains(kinds, o.GetKind()) {
			continue
		}
		o.SetNamespace(ns)
		kind := o.GroupVersionKind()
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		must(t, "find "+kind.String(), err)
		_, err = c.dynamic.Resource(mapping.Resource).Namespace(ns).Create(t.Context(), &o, metav1.CreateOptions{})
		must(t, fmt.Sprintf("create %s %s/%s", kind.Kind, ns, o.GetName()), err)
	}
}

// host is the name under which the data plane serves a component in namespace ns.
func host(component, ns string) string {
	return strings.TrimPrefix(component, "hms-svc-") + "." + ns + ".example"
}

// green installs the food service at 1.0.0 as plain objects and waits until it serves.
func (c *cluster) green(t *testing.T, ns string) {
	t.Helper()
	c.namespace(t, ns)
	c.apply(t, ns, c.manifests(ns), "Gateway", "ConfigMap", "Deployment", "Service", "HTTPRoute")
	c.serves(t, ns, "1.0.0", food.Service, food.Frontend)
}

// manifests are the food service's objects with the host names of namespace ns.
func (c *cluster) manifests(ns string) string {
	return strings.ReplaceAll(string(food.Render(c.class, c.port)), ".example", "."+ns+".example")
}

// serves waits until the data plane answers with that version for each component.
func (c *cluster) serves(t *testing.T, ns, version string, components ...string) {
	t.Helper()
	for _, component := range components {
		eventually(t, host(component, ns)+" serves "+version, func() (bool, string) {
			got, err := c.version(t, component, ns)
			return got == version, fmt.Sprintf("it answers as %q: %v", got, err)
		})
	}
}

// version is which version of a component answered one request through the data plane.
func (c *cluster) version(t *testing.T, component, ns string) (string, error) {
	return c.ask(t, http.DefaultClient, component, ns, "/", nil)
}

// ask is version, for a client that keeps cookies, another path, or a request with headers.
func (c *cluster) ask(t *testing.T, client *http.Client, component, ns, path string, headers http.Header) (string, error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.gateway+path, nil)
	if err != nil {
		return "", err
	}
	req.Host = host(component, ns)
	maps.Copy(req.Header, headers)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", resp.Status)
	}
	return resp.Header.Get("X-Version"), nil
}

// load sends rate requests a second to each component, from before a launch until well after its end, and returns
// when the KPIs have something to be computed from.
func (c *cluster) load(t *testing.T, ns string, rate float64, components ...string) *load.Load {
	t.Helper()
	var targets []load.Target
	for _, component := range components {
		targets = append(targets, load.Target{URL: c.gateway, Host: host(component, ns), Path: "/", Rate: rate})
	}
	l, err := load.Start(t.Context(), targets)
	must(t, "start the load", err)
	t.Cleanup(l.Stop)
	time.Sleep(5 * time.Second) // a few scrapes
	return l
}

// served ends the load and checks that no request failed but by the defect of a version named in defective.
// It returns how many requests each version answered.
func served(t *testing.T, l *load.Load, defective string) map[string]int {
	t.Helper()
	time.Sleep(2 * time.Second) // whatever the end of the rollout broke would show now
	l.Stop()
	by := map[string]int{}
	for _, count := range l.Counts() {
		by[count.Version] += count.N
		own := count.Version == defective && count.Status == "500"
		if count.Failed() && !own {
			t.Errorf("%d requests to %s failed: version %s, status %s", count.N, count.Target, count.Version, count.Status)
		}
	}
	t.Logf("answers by version: %v", by)
	return by
}

// blueprint reads one of the repository's blueprints, with the names of namespace food-svc replaced by those of ns.
func blueprint(t *testing.T, name, ns string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, name))
	must(t, "read the blueprint", err)
	return strings.ReplaceAll(string(text), ".food-svc", "."+ns)
}

// images are what the Deployments of namespace ns run, by name.
func (c *cluster) images(t *testing.T, ns string) map[string]string {
	t.Helper()
	list, err := c.client.AppsV1().Deployments(ns).List(t.Context(), metav1.ListOptions{})
	must(t, "list deployments", err)
	out := map[string]string{}
	for _, d := range list.Items {
		out[d.Name] = d.Spec.Template.Spec.Containers[0].Image
	}
	return out
}

// names are the keys of a map in order, separated by blanks.
func names(m map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// reachable tells whether a Service has a ready endpoint for each pod of the Deployment of its name. A router knows no
// more of a pod than this: a Deployment may have counted a pod before its endpoint is written.
func (c *cluster) reachable(t *testing.T, ns, name string) (bool, string) {
	t.Helper()
	d, err := c.client.AppsV1().Deployments(ns).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return false, err.Error()
	}
	ready, err := c.endpoints(t, ns, name)
	if err != nil {
		return false, err.Error()
	}
	return len(ready) == int(*d.Spec.Replicas), fmt.Sprintf("%d of %d endpoints are ready", len(ready), *d.Spec.Replicas)
}

// endpoints are the addresses of a Service's endpoints that are ready.
func (c *cluster) endpoints(t *testing.T, ns, service string) ([]string, error) {
	all, err := c.client.DiscoveryV1().EndpointSlices(ns).List(t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		return nil, err
	}
	var ready []string
	for _, s := range all.Items {
		for _, e := range s.Endpoints {
			if ptr.Deref(e.Conditions.Ready, true) {
				ready = append(ready, e.Addresses...)
			}
		}
	}
	return ready, nil
}
