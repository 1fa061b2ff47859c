package slot

import (
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/release"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestHelmTestsOfBlueReachBlue(t *testing.T) {
	c := newCluster()
	c.install(t, "shop", map[string]any{"fixedNames": true})
	s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}})
	r := c.installBlue(t, s)
	address(t, c, r.Components[0].BlueService, "10.0.0.7")
	ran := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "food-test-blue", Namespace: "shop"}}
	ran.Spec.Containers = []corev1.Container{{Name: "test"}}
	if _, err := c.client.CoreV1().Pods("shop").Create(t.Context(), ran, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var log []string
		if err := s.HelmTest(t.Context(), r, blueprint.Blue, func(line string) { log = append(log, line) }); err != nil {
			t.Fatal(err)
		}
		if len(log) != 1 || log[0] != "fake logs" {
			t.Errorf("log %q", log)
		}
	}
	for _, hook := range c.release(t, r.Name).Hooks {
		if !isTest(hook) {
			continue
		}
		if hook.Name != "food-test-blue" || !strings.Contains(hook.Manifest, "name: food-test-blue") {
			t.Errorf("the test is called %s, as green's:\n%s", hook.Name, hook.Manifest)
		}
		if strings.Count(hook.Manifest, "ip: 10.0.0.7") != 1 || !strings.Contains(hook.Manifest, "- food.shop.svc\n") {
			t.Errorf("the test would reach green:\n%s", hook.Manifest)
		}
	}
}

func address(t *testing.T, c cluster, service, ip string) {
	t.Helper()
	o, err := c.client.CoreV1().Services("shop").Get(t.Context(), service, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o.Spec.ClusterIP = ip
	if _, err := c.client.CoreV1().Services("shop").Update(t.Context(), o, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestHelmTestOfWhatHasNone(t *testing.T) {
	c := newCluster()
	c.run(t, plainGreen, "")
	s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{{Svc: "food", Tag: "2"}}})
	r := c.installBlue(t, s)
	for target, want := range map[blueprint.Slot]string{blueprint.Blue: "has no tests", blueprint.Green: "green is not a helm release"} {
		if err := s.HelmTest(t.Context(), r, target, ignore); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", target, err)
		}
	}
}

func TestHooksThatWouldGetTraffic(t *testing.T) {
	foreign := selectors([]map[string]string{{"app": "food"}})
	for manifest, want := range map[string]bool{
		"{kind: Pod, metadata: {name: x, labels: {app: food}}}":                                 true,
		"{kind: Job, metadata: {name: x}, spec: {template: {metadata: {labels: {app: food}}}}}": true,
		"{kind: Job, metadata: {name: x, labels: {app: food}}, spec: {}}":                       false,
		"{kind: Pod, metadata: {name: x, labels: {app: other}}}":                                false,
	} {
		err := hooksApart([]*release.Hook{{Kind: "x", Name: "x", Manifest: manifest}}, foreign)
		if (err != nil) != want {
			t.Errorf("%s: %v", manifest, err)
		}
	}
}
