package slot

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

func TestIsolateChangesAsLittleAsItTakes(t *testing.T) {
	for name, tc := range map[string]struct {
		pod     map[string]string
		foreign []map[string]string
		changed string // the keys whose value changed
	}{
		"nobody selects it":       {map[string]string{"app": "food"}, []map[string]string{{"app": "web"}}, ""},
		"no selector":             {map[string]string{"app": "food"}, []map[string]string{{}}, ""},
		"its only label":          {map[string]string{"app": "food", "tier": "a"}, []map[string]string{{"app": "food"}}, "app"},
		"the release's first":     {map[string]string{"app": "food", "app.kubernetes.io/instance": "x"}, []map[string]string{{"app": "food", "app.kubernetes.io/instance": "x"}}, "app.kubernetes.io/instance"},
		"one change for two":      {map[string]string{"app": "food", "tier": "a"}, []map[string]string{{"app": "food"}, {"app": "food", "tier": "a"}}, "app"},
		"two that share nothing":  {map[string]string{"app": "food", "tier": "a"}, []map[string]string{{"app": "food"}, {"tier": "a"}}, "app tier"},
		"a label without a value": {map[string]string{"app": ""}, []map[string]string{{"app": ""}}, "app"},
	} {
		t.Run(name, func(t *testing.T) {
			all := deploymentWithService("food", tc.pod, tc.pod)
			if err := isolate(all, selectors(tc.foreign)); err != nil {
				t.Fatal(err)
			}
			var changed []string
			got := podLabels(t, all[0])
			for _, key := range slices.Sorted(maps.Keys(tc.pod)) {
				if got[key] != tc.pod[key] {
					changed = append(changed, key)
				}
			}
			if strings.Join(changed, " ") != tc.changed {
				t.Errorf("changed %v, want %q", changed, tc.changed)
			}
		})
	}
}

func TestIsolateRefusesWhatNoValuePrevents(t *testing.T) {
	sel, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpExists}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := deploymentWithService("food", map[string]string{"app": "food"}, nil)
	if err := isolate(all, []selector{{"Deployment/wide", sel}}); err == nil || !strings.Contains(err.Error(), "Deployment/wide") {
		t.Errorf("got %v", err)
	}
}

// Whatever the labels and selectors: no foreign selector matches blue's pods, and blue's own still do.
func TestIsolateAlwaysIsolates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	set := func(most int) map[string]string {
		m := map[string]string{}
		for range random.IntN(most + 1) {
			m[[]string{"app", "release", "tier", "app.kubernetes.io/instance", "x"}[random.IntN(5)]] = fmt.Sprint(random.IntN(2))
		}
		return m
	}
	leaks := 0
	for range 5000 {
		pod := set(5)
		own := map[string]string{}
		for key, value := range pod {
			if random.IntN(2) == 0 {
				own[key] = value
			}
		}
		foreign := selectors([]map[string]string{set(2), set(2), set(3)})
		for _, f := range foreign {
			if f.matches(pod) {
				leaks++
			}
		}
		all := deploymentWithService("food", pod, own)
		if err := isolate(all, foreign); err != nil {
			t.Fatal(err)
		}
		got := podLabels(t, all[0])
		for _, f := range foreign {
			if f.matches(got) {
				t.Fatalf("%v still selects %v, made from %v", f, got, pod)
			}
		}
		for _, place := range [][]string{{"spec", "selector"}, {"spec", "selector", "matchLabels"}} {
			o := all[1]
			if len(place) == 3 {
				o = all[0]
			}
			selects, _, _ := unstructured.NestedStringMap(o.Object, place...)
			if !subset(selects, got) {
				t.Fatalf("%s selects %v, the pods are %v", id(o), selects, got)
			}
		}
	}
	if leaks < 1000 {
		t.Errorf("only %d of the cases tested anything", leaks)
	}
}

func TestRelabelFollowsEverySelector(t *testing.T) {
	all := objects(t, `
kind: NetworkPolicy
metadata: {name: a}
spec: {podSelector: {matchLabels: {app: food}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [food, web]}]}}]}]}
---
kind: ServiceMonitor
metadata: {name: b}
spec: {selector: {matchLabels: {app: food}}}
---
kind: ConfigMap
metadata: {name: c, labels: {app: food}}
data: {app: food}
`)
	for _, o := range all {
		relabel(o, map[pair]bool{{"app", "food"}: true})
	}
	text, err := writeObjects(all)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "food-blue"); got != 2 {
		t.Errorf("%d places changed, want those of the NetworkPolicy:\n%s", got, text)
	}
}

func selectors(sets []map[string]string) []selector {
	var all []selector
	for i, set := range sets {
		all = append(all, selector{fmt.Sprintf("Service/s%d", i), labels.SelectorFromSet(set)})
	}
	return all
}

func deploymentWithService(name string, pod, service map[string]string) []object {
	d := newObject("apps/v1", "Deployment", name)
	set := func(o object, m map[string]string, path ...string) {
		_ = unstructured.SetNestedStringMap(o.Object, maps.Clone(m), path...)
	}
	set(d, pod, "spec", "template", "metadata", "labels")
	set(d, pod, "spec", "selector", "matchLabels")
	s := newObject("v1", "Service", name)
	set(s, service, "spec", "selector")
	return []object{d, s}
}

func podLabels(t *testing.T, o object) map[string]string {
	t.Helper()
	tpl, err := template(o)
	if err != nil {
		t.Fatal(err)
	}
	return tpl.Labels
}

func objects(t *testing.T, text string) []object {
	t.Helper()
	all, err := readObjects([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}
