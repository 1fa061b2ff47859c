package slot

import (
	"context"
	"fmt"
	"slices"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// HelmTest runs the tests of a release's own chart and hands on their log.
func (s *Slots) HelmTest(ctx context.Context, name string, log func(line string)) error {
	h, err := s.helm(ctx)
	if err != nil {
		return err
	}
	rel, err := h.last(name)
	if err != nil {
		return err
	}
	if rel == nil {
		return fmt.Errorf("helm release %s/%s does not exist", s.namespace, name)
	}
	isTest := func(hook *release.Hook) bool { return slices.Contains(hook.Events, release.HookTest) }
	if !slices.ContainsFunc(rel.Hooks, isTest) {
		return fmt.Errorf("helm release %s/%s: its chart has no tests\n  give the test a cmd: instead of helm: true", s.namespace, name)
	}
	test := action.NewReleaseTesting(h.Configuration)
	test.Namespace, test.Timeout = s.namespace, s.Timeout
	rel, failed := test.Run(name)
	if rel != nil {
		ran := *rel
		ran.Hooks = slices.DeleteFunc(slices.Clone(rel.Hooks), func(hook *release.Hook) bool {
			return !isTest(hook) || hook.Kind != "Pod" || hook.LastRun.Phase == ""
		})
		if err := test.GetPodLogs(&lines{log: log}, &ran); err != nil && failed == nil {
			return fmt.Errorf("helm release %s/%s: its tests passed, but not their log: %w", s.namespace, name, err)
		}
	}
	if failed != nil {
		return fmt.Errorf("helm release %s/%s: test: %w", s.namespace, name, h.log.explain(failed))
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
