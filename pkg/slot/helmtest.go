package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// HelmTest runs the tests of the chart that a slot is made from, and hands on what they log. The tests of blue reach
// blue even where the chart calls green's Service by its name.
func (s *Slots) HelmTest(ctx context.Context, r Release, target blueprint.Slot, log func(line string)) error {
	name := r.Name
	if target == blueprint.Green {
		name = r.Components[0].GreenRelease
	}
	h, err := s.helm(ctx)
	if err != nil {
		return err
	}
	rel, err := h.last(name)
	if err != nil {
		return err
	}
	if rel == nil {
		return fmt.Errorf("%s is not a helm release, so it has no tests of a chart\n  give the test a cmd: instead of helm: true", target)
	}
	tests := slices.DeleteFunc(slices.Clone(rel.Hooks), func(h *release.Hook) bool { return !isTest(h) })
	if len(tests) == 0 {
		return fmt.Errorf("helm release %s/%s: its chart has no tests\n  give the test a cmd: instead of helm: true", s.namespace, name)
	}
	if name == r.Name && !r.First {
		if err := s.aim(ctx, h, rel, r); err != nil {
			return fmt.Errorf("helm release %s/%s: aim its tests at blue: %w", s.namespace, name, err)
		}
	}
	run := action.NewReleaseTesting(h.Configuration)
	run.Namespace, run.Timeout = s.namespace, s.Timeout
	_, failed := run.Run(name)
	for _, hook := range tests {
		if err := s.testLog(ctx, hook, log); err != nil {
			failed = errors.Join(failed, fmt.Errorf("the log of %s/%s: %w", hook.Kind, hook.Name, err))
		}
	}
	if failed != nil {
		return fmt.Errorf("helm release %s/%s: test: %w", s.namespace, name, h.log.explain(failed))
	}
	return nil
}

func isTest(hook *release.Hook) bool { return slices.Contains(hook.Events, release.HookTest) }

// aim rewrites the tests that Helm keeps with blue's release.
func (s *Slots) aim(ctx context.Context, h helm, rel *release.Release, r Release) error {
	endpoints, err := s.Hosts(ctx, r.Components)
	if err != nil {
		return err
	}
	aliases := map[string]string{}
	for _, c := range r.Components {
		for _, e := range endpoints {
			if e.Component == c.Name && e.Slot == "blue" && c.GreenService != "" && e.ClusterIP != "" {
				aliases[c.GreenService] = e.ClusterIP
			}
		}
	}
	taken := map[string]bool{}
	if name := r.Components[0].GreenRelease; name != "" {
		green, err := s.green(h, name)
		if err != nil {
			return err
		}
		for _, hook := range green.Hooks {
			taken[hook.Kind+"/"+hook.Name] = true
		}
	}
	for _, hook := range rel.Hooks {
		if !isTest(hook) {
			continue
		}
		if err := aimed(hook, aliases, s.namespace, taken); err != nil {
			return err
		}
	}
	return h.Releases.Update(rel)
}

// aimed lets the names of green's Services lead to blue's addresses in a test's pod, and gives the test a name of its
// own beside green's.
func aimed(hook *release.Hook, aliases map[string]string, namespace string, taken map[string]bool) error {
	path := map[string][]string{"Pod": {"spec"}, "Job": {"spec", "template", "spec"}}[hook.Kind]
	if path == nil {
		return nil
	}
	objects, err := readObjects([]byte(hook.Manifest))
	if err != nil || len(objects) != 1 {
		return err
	}
	o := objects[0]
	spec, err := labelsAt(o, path...)
	if err != nil {
		return err
	}
	hosts, _ := spec["hostAliases"].([]any)
	hosts = slices.DeleteFunc(hosts, func(v any) bool { // of an earlier try
		m, _ := v.(map[string]any)
		return slices.Contains(slices.Collect(maps.Values(aliases)), fmt.Sprint(m["ip"]))
	})
	for service, ip := range aliases {
		hosts = append(hosts, map[string]any{"ip": ip, "hostnames": []any{
			service, service + "." + namespace, service + "." + namespace + ".svc", service + "." + namespace + ".svc.cluster.local",
		}})
	}
	if len(hosts) > 0 {
		spec["hostAliases"] = hosts
	}
	if taken[id(o)] {
		o.SetName(blueName(o.GetName(), longestName))
		hook.Name = o.GetName()
	}
	data, err := writeObjects(objects)
	hook.Manifest = string(data)
	return err
}

// testLog hands on the log of a test's pods. A test whose pods are deleted at its end has none.
func (s *Slots) testLog(ctx context.Context, hook *release.Hook, log func(string)) error {
	chosen := metav1.ListOptions{FieldSelector: "metadata.name=" + hook.Name}
	if hook.Kind == "Job" {
		chosen = metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + hook.Name}
	}
	pods, err := s.client.CoreV1().Pods(s.namespace).List(ctx, chosen)
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		for _, c := range pod.Spec.Containers {
			stream, err := s.client.CoreV1().Pods(s.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).Stream(ctx)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(io.LimitReader(stream, 1<<20))
			stream.Close()
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(text)) {
				log(strings.TrimRight(line, "\r\n"))
			}
		}
	}
	return nil
}

// hooksApart checks that the pods of a chart's hooks and tests get no traffic meant for green.
func hooksApart(hooks []*release.Hook, foreign []selector) error {
	for _, hook := range hooks {
		objects, err := readObjects([]byte(hook.Manifest))
		if err != nil {
			return err
		}
		for _, o := range objects {
			set := o.GetLabels()
			if o.GetKind() != "Pod" {
				set, _, _ = unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
			}
			for _, f := range foreign {
				if kind, name := split(f.owner); kind == "Service" && f.matches(set) {
					return fmt.Errorf("hook %s/%s of the chart makes pods that green's service %s selects\n"+
						"  give the hook's pods labels of their own", hook.Kind, hook.Name, name)
				}
			}
		}
	}
	return nil
}
