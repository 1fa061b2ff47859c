package slot

import (
	"slices"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// plain is a workload and what goes with it; IMAGE runs in it.
const plain = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: food, annotations: {argocd.argoproj.io/tracking-id: x, note: mine}}
spec:
  replicas: 5
  selector: {matchLabels: {app: food}}
  template:
    metadata: {labels: {app: food}}
    spec:
      serviceAccountName: food
      imagePullSecrets: [{name: pull}]
      initContainers: [{name: i, image: init:1, envFrom: [{secretRef: {name: own}}]}]
      containers:
        - name: c
          image: r.io/food:2
          env: [{name: A, value: "{{ .Values.untouched }}"}, {name: B, valueFrom: {configMapKeyRef: {name: own, key: b}}}]
          envFrom: [{configMapRef: {name: rules}}]
      volumes:
        - {name: v, projected: {sources: [{configMap: {name: own}}, {secret: {name: elsewhere}}]}}
        - {name: w, configMap: {name: rules}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {b: own}}
---
{apiVersion: v1, kind: Secret, metadata: {name: own}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: food}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: food}, spec: {minReplicas: 1, maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: food}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b}
subjects: [{kind: ServiceAccount, name: food}, {kind: User, name: food}]
roleRef: {kind: Role, name: outside}
`

func foodRecipe() recipe {
	return recipe{
		namespace: "shop",
		marks:     map[string]string{labelApp: "food", labelRollout: "food-v2", labelSlot: "blue"},
		taken: map[string]bool{"Deployment/food": true, "Service/food": true, "ConfigMap/own": true, "ServiceAccount/food": true,
			"HorizontalPodAutoscaler/food": true},
		foreign: selectors([]map[string]string{{"app": "food"}}),
		parts: []Component{{Name: "food", GreenWorkload: "Deployment/food", GreenService: "food", GreenImage: "r.io/food:1",
			BlueImage: "r.io/food:2", Replicas: 3}},
		services: map[string]*corev1.Service{"food": {
			Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}, LoadBalancerIP: "1.2.3.4",
				ExternalIPs: []string{"1.2.3.5"}, Selector: map[string]string{"app": "food"},
				Ports: []corev1.ServicePort{{Port: 80, NodePort: 30000}},
			},
		}},
		configs: []config{{name: "rules", text: map[string]string{"r": "new"}}, {name: "unused"}},
	}
}

func TestMakeCopy(t *testing.T) {
	r := foodRecipe()
	r.services["food"].Name = "food"
	made, err := r.make(objects(t, plain))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range made.objects {
		names = append(names, id(o))
		if labels := o.GetLabels(); labels[labelSlot] != "blue" || labels[labelRollout] != "food-v2" || labels[labelApp] != "food" {
			t.Errorf("%s is labelled %v", id(o), labels)
		}
	}
	rules := names[len(names)-1]
	want := []string{
		"Deployment/food-blue", "ConfigMap/own-blue", "Secret/own", "ServiceAccount/food-blue", "HorizontalPodAutoscaler/food-blue",
		"RoleBinding/b", "Service/food-blue", rules,
	}
	if !slices.Equal(names, want) || !strings.HasPrefix(rules, "ConfigMap/rules-") || len(rules) != len("ConfigMap/rules-")+10 {
		t.Fatalf("made %v", names)
	}
	refers := referenced(made.objects[0])
	for _, name := range []string{"ConfigMap/own-blue", "Secret/own", "Secret/elsewhere", "Secret/pull", "ServiceAccount/food-blue", rules} {
		if !refers[name] {
			t.Errorf("the workload does not refer to %s but to %v", name, refers)
		}
	}
	if refers["ConfigMap/rules"] || refers["ConfigMap/own"] {
		t.Errorf("the workload still refers to green's: %v", refers)
	}
	if got := referenced(made.objects[5]); !got["ServiceAccount/food-blue"] || !got["User/food"] || !got["Role/outside"] {
		t.Errorf("the role binding refers to %v", got)
	}
	if notes := made.objects[0].GetAnnotations(); len(notes) != 1 || notes["note"] != "mine" {
		t.Errorf("annotations %v", notes)
	}
	checkParts(t, made)
	checkService(t, made.objects[6])
}

func checkParts(t *testing.T, made copied) {
	t.Helper()
	part := made.parts[0]
	if part.BlueWorkload != "Deployment/food-blue" || part.BlueService != "food-blue" || part.Container != "c" ||
		part.BluePods != "food-blue-[a-z0-9]+-[a-z0-9]{5}" {
		t.Errorf("part %+v", part)
	}
	if got := replicasOf(made.objects, part.BlueWorkload); got != 3 {
		t.Errorf("%d pods", got)
	}
	spec := made.objects[4].Object["spec"].(map[string]any)
	if whole(spec["minReplicas"]) != 3 || whole(spec["maxReplicas"]) != 3 {
		t.Errorf("the autoscaler holds %v", spec)
	}
	if len(made.configs) != 1 || made.configs[0].name != "rules" || made.configs[0].kind != "ConfigMap" {
		t.Errorf("configs %+v", made.configs)
	}
}

func checkService(t *testing.T, o object) {
	t.Helper()
	selects, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector")
	want := map[string]string{"app": "food-blue", labelApp: "food", labelRollout: "food-v2", labelSlot: "blue"}
	if len(selects) != len(want) || !subset(want, selects) {
		t.Errorf("the service selects %v", selects)
	}
	text, err := writeObjects([]object{o})
	if err != nil {
		t.Fatal(err)
	}
	for _, outside := range []string{"nodePort", "clusterIP", "LoadBalancer", "loadBalancer", "externalIPs", "10.0.0.1"} {
		if strings.Contains(string(text), outside) {
			t.Errorf("the service kept %s:\n%s", outside, text)
		}
	}
}

func TestMakeIsTheSameEveryTime(t *testing.T) {
	var first string
	for range 5 {
		r := foodRecipe()
		made, err := r.make(objects(t, plain))
		if err != nil {
			t.Fatal(err)
		}
		text, err := writeObjects(made.objects)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		}
		if string(text) != first {
			t.Fatal("two copies of the same differ")
		}
	}
}

func TestMakeSays(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to string // replaced in plain
		add      string // objects added
		want     string // in the error
	}{
		"the image is not there":   {"r.io/food:2", "r.io/food:1", "", "init:1, r.io/food:1\n  set tagValue:"},
		"a claim":                  {"volumes:", "volumes:\n        - {name: p, persistentVolumeClaim: {claimName: data}}", "", "both would write to claim data"},
		"a claim template":         {"kind: Deployment", "kind: StatefulSet", "", ""},
		"a daemon":                 {"", "", "{kind: DaemonSet, metadata: {name: d}}", "DaemonSet/d can't have a second copy: it runs once on every node"},
		"a bare pod":               {"", "", "{kind: Pod, metadata: {name: d}}", "Pod/d can't have a second copy"},
		"a name twice":             {"", "", "{apiVersion: v1, kind: ConfigMap, metadata: {name: own-blue}}", "two of ConfigMap/own-blue"},
		"the chart's own config":   {"", "", "{apiVersion: v1, kind: ConfigMap, metadata: {name: rules}}", "config rules: the chart makes the configmap"},
		"config of both kinds":     {"secretRef: {name: own}", "secretRef: {name: rules}", "", "to a ConfigMap and to a Secret"},
		"a volume claim template":  {"  replicas: 5", "  replicas: 5\n  volumeClaimTemplates: [{metadata: {name: d}}]", "", "it has volume claims"},
		"what is not YAML, really": {"", "", "{kind: List, items: [1]}", "read rendered"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := readObjects([]byte(strings.Replace(plain, tc.from, tc.to, 1) + "---\n" + tc.add))
			if err == nil {
				_, err = foodRecipe().make(all)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestKeepSaysWhatItDrops(t *testing.T) {
	all, notes, err := keep(objects(t, `
{kind: Ingress, metadata: {name: a}}
---
{kind: CronJob, metadata: {name: b}}
---
{kind: ClusterRole, metadata: {name: c}}
---
{kind: PersistentVolumeClaim, metadata: {name: d}}
---
{kind: ConfigMap, metadata: {name: e, namespace: elsewhere}}
---
{kind: List, items: [{kind: ConfigMap, metadata: {name: f, namespace: shop}}]}
`), "shop")
	if err != nil || len(all) != 1 || id(all[0]) != "ConfigMap/f" {
		t.Fatalf("kept %v, %v", all, err)
	}
	want := []string{"not copied: Ingress/a", "not copied: CronJob/b", "not copied: ClusterRole/c",
		"not copied: PersistentVolumeClaim/d", "not copied: ConfigMap/e, in namespace elsewhere"}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q", notes)
	}
}

func TestRenameTakenDoesNotChain(t *testing.T) {
	all := objects(t, `
{kind: ConfigMap, metadata: {name: a}}
---
{kind: ConfigMap, metadata: {name: a-blue}}
---
kind: Deployment
metadata: {name: d}
spec: {template: {spec: {containers: [{name: c, envFrom: [{configMapRef: {name: a}}, {configMapRef: {name: a-blue}}]}]}}}
`)
	renameTaken(all, map[string]bool{"ConfigMap/a": true, "ConfigMap/a-blue": true})
	refers := referenced(all[2])
	if all[0].GetName() != "a-blue" || all[1].GetName() != "a-blue-blue" || !refers["ConfigMap/a-blue"] || !refers["ConfigMap/a-blue-blue"] {
		t.Errorf("%s, %s, referred to as %v", id(all[0]), id(all[1]), refers)
	}
}

func TestVersionedNames(t *testing.T) {
	name := func(c config) string {
		t.Helper()
		n, err := c.versioned()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a := name(given(blueprint.Config{Name: "rules", Data: map[string]string{"x": "1", "y": "2"}}))
	same := name(given(blueprint.Config{Name: "rules", Data: map[string]string{"y": "2", "x": "1"}}))
	other := name(given(blueprint.Config{Name: "rules", Data: map[string]string{"x": "1", "y": "3"}}))
	if a != same || a == other {
		t.Errorf("%s, %s, %s", a, same, other)
	}
	if long := name(config{name: strings.Repeat("x", 80)}); len(long) > longestName {
		t.Errorf("%s is too long", long)
	}
}
