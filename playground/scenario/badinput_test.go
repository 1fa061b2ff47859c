package scenario

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"dro.dev/kubectl-dro/playground/food"
)

// bad is a launch that cannot go well.
type bad struct {
	name      string
	blueprint string
	prepare   func(t *testing.T, c *cluster, ns string) // makes the cluster unfit
	flags     func(t *testing.T, c *cluster, ns string) []string
	exit      int      // 1: nothing was begun; 2: it went back
	says      []string // words of the one message
}

func cases() []bad {
	return []bad{{
		name: "unreachable-cluster", exit: 1, says: []string{"127.0.0.1:1", "reach", "refused"},
		flags: unreachable,
	}, {
		name: "missing-permissions", exit: 1, says: []string{"permission", "patch httproutes.gateway.networking.k8s.io"},
		flags: limitedUser,
	}, {
		name: "no-router", exit: 1, says: []string{"hms-svc-food", "httproute"},
		prepare: withoutRoute,
	}, {
		name: "ambiguous-router", exit: 1, says: []string{"hms-svc-food", "rule"},
		prepare: twiceInOneRule,
	}, {
		name: "no-prometheus", exit: 1, says: []string{"prometheus", "127.0.0.1:1"},
		flags: func(*testing.T, *cluster, string) []string { return []string{"--prometheus", "http://127.0.0.1:1"} },
	}, {
		name: "kpi-without-data", exit: 1, says: []string{"orders", "no_such_total"},
		blueprint: short("2.1.0", "1s", `kpi: {orders: {threshold: "> 98%", good: 'no_such_total{ok="1"}', total: no_such_total}}`),
	}, {
		name: "colliding-name", exit: 1, says: []string{"Deployment", "hms-svc-food-blue", "taken"},
		prepare: collision,
	}, {
		name: "missing-image", exit: 2, says: []string{"hms-svc-food:9.9.9", "pull"},
		blueprint: short("9.9.9", "1s", ""),
	}, {
		name: "crashing-blue", exit: 2, says: []string{"hms-svc-food-blue", "exit code 1", "licence key"},
		blueprint: short("crash", "1s", ""),
	}, {
		name: "never-ready", exit: 2, says: []string{"hms-svc-food", "ready", "503"},
		prepare: impatient, blueprint: short("notready", "1s", ""),
	}, {
		name: "failing-test", exit: 2, says: []string{"smoke", "3"},
		blueprint: short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo no licence; exit 3"}]`),
	}, {
		name: "hanging-test", exit: 2, says: []string{"smoke", "3s", "still asking"},
		blueprint: short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo still asking; sleep 300", timeout: 3s}]`),
	}, {
		name: "silent-blue", exit: 2, says: []string{"pay_success"},
		blueprint: short("silent", "1s", `kpi: {pay_success: "> 98%"}`),
	}}
}

// badInput launches what cannot go well: one clear message, nothing left behind, traffic on green.
func badInput(t *testing.T, c *cluster) {
	for _, tc := range cases() {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, c)
		})
	}
}

func (tc bad) run(t *testing.T, c *cluster) {
	ns := "bad-" + tc.name
	c.green(t, ns)
	requests := c.load(t, ns, 20, food.Service)
	if tc.prepare != nil {
		tc.prepare(t, c, ns)
	}
	var flags []string
	if tc.flags != nil {
		flags = tc.flags(t, c, ns)
	}
	routes := c.routes(t, ns)
	before := c.snapshot(t, ns)

	text := tc.blueprint
	if text == "" {
		text = short("2.1.0", "1s", `kpi: {error_rate: "< 0.5%"}`)
	}
	l := c.launch(t, ns, text, flags...)
	l.end(t, tc.exit)
	t.Logf("it took %s", time.Since(l.began).Round(time.Millisecond))

	if tc.exit == 2 {
		says(t, l.last("deployment.rolled_back").Error, tc.says...)
	} else {
		says(t, l.stderr.String(), append(tc.says, "error:")...)
		if n := strings.Count(l.stderr.String(), "error:"); n != 1 {
			t.Errorf("it told %d errors:\n%s", n, l.told())
		}
		if l.share() != 0 {
			t.Errorf("blue had %d%%:\n%s", l.share(), l.told())
		}
	}
	c.unchanged(t, ns, before)
	if len(routes) == 2 { // it has its route
		served(t, requests, "")
		c.serves(t, ns, "1.0.0", food.Service)
	}
}

func unreachable(t *testing.T, c *cluster, _ string) []string {
	return []string{"--kubeconfig", c.writeKubeconfig(t, "https://127.0.0.1:1", "")}
}

// limitedUser may do everything in the namespace but write routes.
func limitedUser(t *testing.T, c *cluster, ns string) []string {
	c.apply(t, ns, `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: launcher}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: launcher}
rules:
  - {apiGroups: ["", apps, batch, autoscaling, policy, discovery.k8s.io, coordination.k8s.io, networking.k8s.io, rbac.authorization.k8s.io], resources: ["*"], verbs: ["*"]}
  - {apiGroups: [gateway.networking.k8s.io], resources: ["*"], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: launcher}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: launcher}
subjects: [{kind: ServiceAccount, name: launcher}]
`)
	return []string{"--kubeconfig", c.writeKubeconfig(t, c.config.Host, c.token(t, ns, "launcher")), "--prometheus", c.prometheus}
}

func withoutRoute(t *testing.T, c *cluster, ns string) {
	must(t, "remove the route", c.dynamic.Resource(httpRoutes).Namespace(ns).Delete(t.Context(), food.Service, metav1.DeleteOptions{}))
}

func twiceInOneRule(t *testing.T, c *cluster, ns string) {
	ref := `{"name":"` + food.Service + `","port":80}`
	_, err := c.dynamic.Resource(httpRoutes).Namespace(ns).Patch(t.Context(), food.Service, types.MergePatchType,
		[]byte(`{"spec":{"rules":[{"backendRefs":[`+ref+`,`+ref+`]}]}}`), metav1.PatchOptions{})
	must(t, "edit the route", err)
}

func collision(t *testing.T, c *cluster, ns string) {
	c.apply(t, ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hms-svc-food-blue}
spec:
  selector: {matchLabels: {app: someone-elses}}
  template:
    metadata: {labels: {app: someone-elses}}
    spec: {containers: [{name: hms-svc-food, image: "localhost/hms-svc-food:1.0.0"}]}
`)
	eventually(t, "the colliding deployment is settled", func() (bool, string) {
		d, err := c.client.AppsV1().Deployments(ns).Get(t.Context(), food.Service+"-blue", metav1.GetOptions{})
		return err == nil && d.Status.ReadyReplicas == 1, fmt.Sprint(err)
	})
}

// impatient gives green's Deployment, and so blue's, little time to make progress.
func impatient(t *testing.T, c *cluster, ns string) {
	_, err := c.client.AppsV1().Deployments(ns).Patch(t.Context(), food.Service, types.MergePatchType,
		[]byte(`{"spec":{"progressDeadlineSeconds":5}}`), metav1.PatchOptions{})
	must(t, "edit the deployment", err)
}

// writeKubeconfig writes a kubeconfig for a server and a bearer token, or for the administrator.
func (c *cluster) writeKubeconfig(t *testing.T, server, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, "write the kubeconfig", kubeconfig(c.config, server, token, path))
	return path
}
