package slot

import (
	"regexp"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestParseImage(t *testing.T) {
	for ref, want := range map[string]image{
		"food":                            {repository: "food"},
		"food:1.0":                        {repository: "food", tag: "1.0"},
		"localhost:5000/food":             {repository: "localhost:5000/food"},
		"localhost:5000/food:1.0":         {repository: "localhost:5000/food", tag: "1.0"},
		"r.io/a/food@sha256:ab":           {repository: "r.io/a/food", digest: "sha256:ab"},
		"r.io:443/a/food:1.0@sha256:ab":   {repository: "r.io:443/a/food", tag: "1.0", digest: "sha256:ab"},
		"r.io:443/a/food:1.0-rc@sha512:a": {repository: "r.io:443/a/food", tag: "1.0-rc", digest: "sha512:a"},
	} {
		if got := parseImage(ref); got != want || got.String() != ref {
			t.Errorf("%s: got %+v, written %s", ref, got, got)
		}
	}
}

func FuzzParseImage(f *testing.F) {
	for _, seed := range []string{"food", "a:1/b:2@c:3", "@", ":", "a/:b"} {
		f.Add(seed)
	}
	reference := regexp.MustCompile(`^[^:@/]+(:[0-9]+/[^:@]*)?(/[^:@]*)?(:[^:@/]+)?(@[^@]+)?$`)
	f.Fuzz(func(t *testing.T, ref string) {
		i := parseImage(ref) // must take anything
		if reference.MatchString(ref) && i.String() != ref {
			t.Errorf("%q is read %+v and written %q", ref, i, i)
		}
	})
}

func TestWanted(t *testing.T) {
	for name, tc := range map[string]struct {
		component blueprint.Component
		green     string
		want      string // empty: an error
	}{
		"a tag":                        {blueprint.Component{Tag: "2"}, "r.io/food:1", "r.io/food:2"},
		"a tag over green's digest":    {blueprint.Component{Tag: "2"}, "r.io/food:1@sha256:a", "r.io/food:2"},
		"a digest":                     {blueprint.Component{Digest: "sha256:b"}, "r.io/food:1", "r.io/food@sha256:b"},
		"both":                         {blueprint.Component{Tag: "2", Digest: "sha256:b"}, "r.io/food:1", "r.io/food:2@sha256:b"},
		"another repository":           {blueprint.Component{Image: "q.io/food", Tag: "2"}, "r.io/food:1", "q.io/food:2"},
		"a whole reference":            {blueprint.Component{Image: "q.io/food:3"}, "r.io/food:1", "q.io/food:3"},
		"a tag over a whole reference": {blueprint.Component{Image: "q.io/food:3", Tag: "2"}, "r.io/food:1", "q.io/food:2"},
		"no version":                   {blueprint.Component{Image: "q.io/food"}, "r.io/food:1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wanted(tc.component, tc.green)
			if (err != nil) != (tc.want == "") || err == nil && got.String() != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestContainer(t *testing.T) {
	on := func(name, ref string, port int32) corev1.Container {
		return corev1.Container{Name: name, Image: ref, Ports: []corev1.ContainerPort{{Name: name + "-port", ContainerPort: port}}}
	}
	to := func(target intstr.IntOrString) []corev1.ServicePort {
		return []corev1.ServicePort{{Port: 80, TargetPort: target}}
	}
	for name, tc := range map[string]struct {
		all   []corev1.Container
		ports []corev1.ServicePort
		want  string // empty: an error
	}{
		"by its image":            {[]corev1.Container{on("a", "r.io/x/proxy:1", 80), on("b", "r.io/x/food:1", 1)}, to(intstr.FromInt32(80)), "b"},
		"the only one":            {[]corev1.Container{on("a", "r.io/other:1", 1)}, nil, "a"},
		"by the port's number":    {[]corev1.Container{on("a", "x:1", 81), on("b", "y:1", 8080)}, to(intstr.FromInt32(8080)), "b"},
		"by the port's name":      {[]corev1.Container{on("a", "x:1", 81), on("b", "y:1", 8080)}, to(intstr.FromString("a-port")), "a"},
		"by the Service's port":   {[]corev1.Container{on("a", "x:1", 81), on("b", "y:1", 80)}, to(intstr.IntOrString{}), "b"},
		"two of the same image":   {[]corev1.Container{on("a", "food:1", 81), on("b", "food:1", 80)}, to(intstr.FromInt32(81)), "a"},
		"two, and nothing to say": {[]corev1.Container{on("a", "x:1", 81), on("b", "y:1", 80)}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := container("food", tc.all, tc.ports)
			if (err != nil) != (tc.want == "") || got.Name != tc.want {
				t.Errorf("got %s, %v; want %s", got.Name, err, tc.want)
			}
			if err != nil && (!strings.Contains(err.Error(), "a (x:1), b (y:1)")) {
				t.Errorf("the error does not name the containers: %v", err)
			}
		})
	}
}

func TestBlueName(t *testing.T) {
	long := strings.Repeat("x", 60)
	if got := blueName("food", 63); got != "food-blue" {
		t.Error(got)
	}
	a, b := blueName(long+"a", 63), blueName(long+"b", 63)
	if len(a) > 63 || a == b || !strings.HasSuffix(a, suffix) {
		t.Errorf("%s and %s", a, b)
	}
}

func TestPodNames(t *testing.T) {
	for _, tc := range []struct {
		kind, name, pod string
		want            bool
	}{
		{"Deployment", "food", "food-799f696fbc-crmgc", true},
		{"Deployment", "food", "food-blue-799f696fbc-crmgc", false},
		{"Deployment", "fo.d", "food-799f696fbc-crmgc", false},
		{"Deployment", strings.Repeat("x", 47), strings.Repeat("x", 47) + "-799f696fbccrmgc", true},
		{"StatefulSet", "food", "food-12", true},
		{"StatefulSet", "food", "food-blue-0", false},
	} {
		if got := matches(podNames(tc.kind, tc.name), tc.pod); got != tc.want {
			t.Errorf("%s of %s/%s: %v", tc.pod, tc.kind, tc.name, got)
		}
	}
}
