package smoke

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/watch"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

type watchInterface = watch.Interface

func TestJob(t *testing.T) {
	r := &Runner{Namespace: "food-svc", App: "foodsvc", Rollout: "foodsvc-v2.1"}
	hosts := []Host{{IP: "10.0.0.1", Names: []string{"blue"}}}
	test := blueprint.Test{
		Name: "Smoke test!", Cmd: `curl -f "$BLUE_URL/$(hostname)"; echo $$`,
		Timeout: &blueprint.Duration{Duration: 1500 * time.Millisecond},
		Env:     map[string]string{"B": "own", "Z": "$(A)"},
	}
	job := r.job("dro-1", test, hosts, map[string]string{"A": "ours", "B": "ours"})
	labels := map[string]string{labelManagedBy: managedBy, labelApp: "foodsvc", labelRollout: "foodsvc-v2.1", labelTest: "Smoke-test"}
	pod := job.Spec.Template
	for name, meta := range map[string]map[string]string{"job": job.Labels, "pod": pod.Labels} {
		for key, want := range labels {
			if got := meta[key]; got != want || len(validation.IsValidLabelValue(got)) > 0 {
				t.Errorf("%s: label %s is %q, want %q", name, key, got, want)
			}
		}
	}
	c := pod.Spec.Containers[0]
	if want := []string{"sh", "-c", `curl -f "$BLUE_URL/$$(hostname)"; echo $$$`}; !slices.Equal(c.Command, want) {
		t.Errorf("command %q, want %q", c.Command, want)
	}
	if want := []corev1.EnvVar{{Name: "A", Value: "ours"}, {Name: "B", Value: "own"}, {Name: "Z", Value: "$$(A)"}}; !slices.Equal(c.Env, want) {
		t.Errorf("env %v, want %v", c.Env, want)
	}
	switch {
	case c.Image != DefaultImage:
		t.Errorf("image %s", c.Image)
	case *job.Spec.BackoffLimit != 0 || *job.Spec.ActiveDeadlineSeconds != 7 || *job.Spec.TTLSecondsAfterFinished <= 0:
		t.Errorf("limits %+v", job.Spec)
	case pod.Spec.RestartPolicy != corev1.RestartPolicyNever || *pod.Spec.AutomountServiceAccountToken:
		t.Errorf("pod %+v", pod.Spec)
	case *c.SecurityContext.AllowPrivilegeEscalation || !slices.Equal(c.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"}):
		t.Errorf("security context %+v", c.SecurityContext)
	case len(pod.Spec.HostAliases) != 1 || pod.Spec.HostAliases[0].IP != "10.0.0.1" || pod.Spec.HostAliases[0].Hostnames[0] != "blue":
		t.Errorf("host aliases %+v", pod.Spec.HostAliases)
	}
}

func TestImage(t *testing.T) {
	for name, tc := range map[string]struct{ test, runner, want string }{
		"none":          {"", "", DefaultImage},
		"namespace's":   {"", "here/curl:1", "here/curl:1"},
		"the test's":    {"mine:1", "here/curl:1", "mine:1"},
		"only a test's": {"mine:1", "", "mine:1"},
	} {
		r := &Runner{Image: tc.runner}
		if got := r.job("j", blueprint.Test{Image: tc.test}, nil, nil).Spec.Template.Spec.Containers[0].Image; got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// expand is what the kubelet does to a command, with no variable of the name: $$ is $, $(NAME) stays when unknown.
func expand(s string) string {
	return regexp.MustCompile(`\$\$|\$\([^)]*\)`).ReplaceAllStringFunc(s, func(m string) string {
		if m == "$$" {
			return "$"
		}
		return "EXPANDED"
	})
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"", "$", "$$", "$$$(X)", "echo $(date) $HOME ${X} $$", "$($(X))", "a$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := expand(literal(s)); got != s {
			t.Errorf("%q arrives as %q", s, got)
		}
	})
}

func FuzzJobName(f *testing.F) {
	f.Add("foodsvc-v2.1", "smoke test", "a")
	f.Add("", "", "")
	f.Add("é-", strings.Repeat("x", 300), "b")
	f.Fuzz(func(t *testing.T, rollout, test, unique string) {
		name := jobName(rollout, test, unique)
		if errs := validation.IsDNS1123Label(name); len(errs) > 0 || len(name) > nameMost {
			t.Errorf("%q: %v", name, errs)
		}
		if jobName(rollout, test, unique+"'") == name {
			t.Errorf("%q is not its own", name)
		}
		if v := labelValue(test); len(validation.IsValidLabelValue(v)) > 0 {
			t.Errorf("label value %q", v)
		}
	})
}

func TestHosts(t *testing.T) {
	ep := func(slot blueprint.Slot, component, ip string) Endpoint {
		return Endpoint{slot, component, "10.0.0." + ip}
	}
	for name, tc := range map[string]struct {
		namespace, app string
		endpoints      []Endpoint
		want           string
	}{
		"none": {"food-svc", "foodsvc", nil, `null`},
		"two components": {"food-svc", "foodsvc", []Endpoint{
			ep(blueprint.Blue, "hms-svc-food", "1"), ep(blueprint.Blue, "food-delivery", "2"),
			ep(blueprint.Green, "hms-svc-food", "3"), ep(blueprint.Green, "food-delivery", "4"),
		}, `[{"IP":"10.0.0.1","Names":["blue.hms-svc-food","blue","blue.food-svc","blue.foodsvc"]},{"IP":"10.0.0.2","Names":["blue.food-delivery"]},` +
			`{"IP":"10.0.0.3","Names":["green.hms-svc-food","green","green.food-svc","green.foodsvc"]},{"IP":"10.0.0.4","Names":["green.food-delivery"]}]`},
		"one name for all": {"food", "food", []Endpoint{ep(blueprint.Blue, "food", "1")}, `[{"IP":"10.0.0.1","Names":["blue.food","blue"]}]`},
		"the second component is called as the namespace": {"web", "shop", []Endpoint{ep(blueprint.Blue, "api", "1"), ep(blueprint.Blue, "web", "2")},
			`[{"IP":"10.0.0.1","Names":["blue.api","blue","blue.shop"]},{"IP":"10.0.0.2","Names":["blue.web"]}]`},
		"the first is headless": {"ns", "app", []Endpoint{{blueprint.Blue, "a", "None"}, ep(blueprint.Blue, "b", "1")},
			`[{"IP":"10.0.0.1","Names":["blue.b"]}]`},
		"two components behind one address": {"ns", "app", []Endpoint{ep(blueprint.Blue, "a", "1"), ep(blueprint.Blue, "b", "1")},
			`[{"IP":"10.0.0.1","Names":["blue.a","blue.b","blue","blue.ns","blue.app"]}]`},
	} {
		got, err := json.Marshal(Hosts(tc.namespace, tc.app, tc.endpoints))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}
