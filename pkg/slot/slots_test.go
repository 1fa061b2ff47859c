package slot

import (
	"context"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helmfake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

// cluster is a namespace in memory: what Helm stores, and what runs. Helm's objects are recorded, not made.
type cluster struct {
	releases *storage.Storage
	client   *fake.Clientset
}

func newCluster(running ...runtime.Object) cluster {
	memory := driver.NewMemory()
	memory.SetNamespace("shop")
	return cluster{storage.Init(memory), fake.NewClientset(running...)}
}

func (c cluster) configuration() *action.Configuration {
	return &action.Configuration{
		Releases: c.releases, KubeClient: &helmfake.PrintingKubeClient{Out: io.Discard}, Capabilities: chartutil.DefaultCapabilities.Copy(),
		Log: func(string, ...any) {},
	}
}

func (c cluster) slots(bp blueprint.Blueprint) *Slots {
	bp.ID, bp.App = "food-v2", "food"
	return &Slots{
		Timeout: 5 * time.Second, namespace: "shop", bp: &bp, client: c.client,
		monitors: monitors{dynamicfake.NewSimpleDynamicClient(scheme.Scheme), func() (meta.RESTMapper, error) {
			return meta.NewDefaultRESTMapper(nil), nil
		}},
		helm: func(context.Context) (helm, error) { return helm{c.configuration(), new(journal)}, nil },
	}
}

// install makes a release of the test chart, and lets its Deployment and Service run.
func (c cluster) install(t *testing.T, name string, values map[string]any) {
	t.Helper()
	ch, err := loader.Load("testdata/chart")
	if err != nil {
		t.Fatal(err)
	}
	install := action.NewInstall(c.configuration())
	install.ReleaseName, install.Namespace = name, "shop"
	rel, err := install.Run(ch, values)
	if err != nil {
		t.Fatal(err)
	}
	c.run(t, rel.Manifest, name)
}

// run lets the Deployments and Services of a manifest run, all pods ready.
func (c cluster) run(t *testing.T, manifest, owner string) {
	t.Helper()
	for _, o := range objects(t, manifest) {
		o.SetNamespace("shop")
		o.SetAnnotations(map[string]string{"meta.helm.sh/release-name": owner, "meta.helm.sh/release-namespace": "shop"})
		var err error
		switch o.GetKind() {
		case "Deployment":
			var d appsv1.Deployment
			convert(t, o, &d)
			n := pods(d.Spec.Replicas)
			d.Status = appsv1.DeploymentStatus{Replicas: n, UpdatedReplicas: n, AvailableReplicas: n, ReadyReplicas: n}
			_, err = c.client.AppsV1().Deployments("shop").Create(t.Context(), &d, metav1.CreateOptions{})
		case "Service":
			var s corev1.Service
			convert(t, o, &s)
			_, err = c.client.CoreV1().Services("shop").Create(t.Context(), &s, metav1.CreateOptions{})
		case "ConfigMap":
			var m corev1.ConfigMap
			convert(t, o, &m)
			_, err = c.client.CoreV1().ConfigMaps("shop").Create(t.Context(), &m, metav1.CreateOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func convert(t *testing.T, o object, to any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, to); err != nil {
		t.Fatal(err)
	}
}

func (c cluster) release(t *testing.T, name string) *release.Release {
	t.Helper()
	rel, err := c.releases.Last(name)
	if err != nil {
		t.Fatalf("release %s: %v", name, err)
	}
	return rel
}

var foodTag2 = blueprint.Component{Svc: "hms-svc-food", Tag: "2.0.0", Service: "food"}

func TestInspectARelease(t *testing.T) {
	for name, tc := range map[string]struct {
		release string
		values  map[string]any
		want    Component
	}{
		"with the release in its names": {"food", nil, Component{
			GreenRelease: "food", BlueService: "hms-svc-food-blue", BlueWorkload: "Deployment/hms-svc-food-blue",
			BluePods: "hms-svc-food-blue-[a-z0-9]+-[a-z0-9]{5}",
		}},
		"with fixed names": {"shop", map[string]any{"fixedNames": true}, Component{
			GreenRelease: "shop", BlueService: "food-blue", BlueWorkload: "Deployment/food-blue", BluePods: "food-blue-[a-z0-9]+-[a-z0-9]{5}",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.install(t, tc.release, tc.values)
			got, err := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}}).Inspect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(got[0].Notes) != 2 || !strings.Contains(got[0].Notes[0], "Ingress/") || !strings.Contains(got[0].Notes[1], "-migrate") {
				t.Errorf("notes %q", got[0].Notes)
			}
			want := tc.want
			want.Name, want.Source, want.Container, want.Replicas = "hms-svc-food", FromRelease, "service", 2
			want.GreenImage, want.BlueImage = "localhost/hms-svc-food:1.0.0", "localhost/hms-svc-food:2.0.0"
			want.GreenService, want.GreenWorkload, want.GreenPods = "food", "Deployment/food", "food-[a-z0-9]+-[a-z0-9]{5}"
			want.BlueRelease = "hms-svc-food-blue"
			got[0].Notes = nil
			if !reflect.DeepEqual(got[0], want) {
				t.Errorf("got\n%+v\nwant\n%+v", got[0], want)
			}
		})
	}
}

// One launch of a release, from blue's installation to green's upgrade and blue's end. Every step is done twice, as
// another process would that does not know how far the first one came.
func TestLifeOfARelease(t *testing.T) {
	c := newCluster(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "food-rules", Namespace: "shop", Labels: map[string]string{"my": "own"}},
		Data:       map[string]string{"RULE": "old", "GONE": "x"},
	})
	c.install(t, "food", map[string]any{"replicas": int64(2)})
	s := c.slots(blueprint.Blueprint{
		Images:  []blueprint.Component{foodTag2},
		Configs: []blueprint.Config{{Name: "food-rules", Data: map[string]string{"RULE": "new"}}},
	})
	r := c.installBlue(t, s)
	blue := c.release(t, r.Name)
	if blue.Info.Status != release.StatusDeployed || blue.Labels[labelRollout] != "food-v2" {
		t.Errorf("blue is %s, labelled %v", blue.Info.Status, blue.Labels)
	}
	for _, want := range []string{"image: localhost/hms-svc-food:2.0.0", "name: food-rules-", "kind: HorizontalPodAutoscaler"} {
		if !strings.Contains(blue.Manifest, want) {
			t.Errorf("blue lacks %s", want)
		}
	}
	for range 2 {
		if err := s.UpgradeGreen(t.Context(), r, ignore); err != nil {
			t.Fatal(err)
		}
	}
	green := c.release(t, "food")
	if green.Version != 2 || !strings.Contains(green.Manifest, "image: \"localhost/hms-svc-food:2.0.0\"") ||
		strings.Contains(green.Manifest, "dro.dev/") || whole(green.Config["replicas"]) != 2 {
		t.Errorf("green is revision %d with values %v:\n%s", green.Version, green.Config, green.Manifest)
	}
	rules, err := c.client.CoreV1().ConfigMaps("shop").Get(t.Context(), "food-rules", metav1.GetOptions{})
	if err != nil || !maps.Equal(rules.Data, map[string]string{"RULE": "new"}) || rules.Labels["my"] != "own" {
		t.Errorf("green's rules are %v, %v", rules, err)
	}
	for range 2 {
		if err := s.RemoveBlue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.releases.Last(r.Name); err == nil {
		t.Error("blue's release is still there")
	}
}

func ignore(string) {}

// installBlue inspects, lets run what blue will be, and installs it, twice.
func (c cluster) installBlue(t *testing.T, s *Slots) Release {
	t.Helper()
	components, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := Releases(components)[0]
	c.letRun(t, s, r)
	for range 2 {
		var said []string
		if err := s.InstallBlue(t.Context(), r, func(line string) { said = append(said, line) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(said, []string{"2/2 ready"}) {
			t.Errorf("progress %q", said)
		}
	}
	return r
}

func (c cluster) letRun(t *testing.T, s *Slots, r Release) {
	t.Helper()
	h, _ := s.helm(t.Context())
	w, err := look(t.Context(), s.client, "shop", s.bp.ID)
	if err != nil {
		t.Fatal(err)
	}
	configs, err := s.configs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.render(h, w, r, configs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := writeObjects(made.objects)
	if err != nil {
		t.Fatal(err)
	}
	c.run(t, string(text), r.Name)
}

func TestInstallBlueTakesOverWhatWasCutShort(t *testing.T) {
	for _, status := range []release.Status{release.StatusPendingInstall, release.StatusFailed, release.StatusUninstalling} {
		t.Run(status.String(), func(t *testing.T) {
			c := newCluster()
			c.install(t, "food", nil)
			s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}})
			r := c.installBlue(t, s)
			rel := c.release(t, r.Name)
			rel.Info.Status = status
			if err := c.releases.Update(rel); err != nil {
				t.Fatal(err)
			}
			if err := s.InstallBlue(t.Context(), r, ignore); err != nil {
				t.Fatal(err)
			}
			if got := c.release(t, r.Name).Info.Status; got != release.StatusDeployed {
				t.Errorf("blue is %s", got)
			}
		})
	}
}

// The rollout's name is the same, its tag is not: what is left of the earlier launch does not pass for this one.
func TestAnEarlierLaunchOfTheSameNameDoesNotPass(t *testing.T) {
	c := newCluster()
	c.install(t, "food", nil)
	s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}})
	r := c.installBlue(t, s)
	if err := s.UpgradeGreen(t.Context(), r, ignore); err != nil {
		t.Fatal(err)
	}
	s.bp.Images[0].Tag = "3.0.0"
	r.Components[0].BlueImage = "localhost/hms-svc-food:3.0.0"
	if err := s.InstallBlue(t.Context(), r, ignore); err != nil {
		t.Fatal(err)
	}
	if err := s.UpgradeGreen(t.Context(), r, ignore); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{r.Name, "food"} {
		if rel := c.release(t, name); !strings.Contains(rel.Manifest, "hms-svc-food:3.0.0") {
			t.Errorf("%s is still revision %d of the earlier launch", name, rel.Version)
		}
	}
}

func TestAnotherRolloutsReleaseIsLeftAlone(t *testing.T) {
	c := newCluster()
	c.install(t, "food", nil)
	s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}})
	r := c.installBlue(t, s)
	s.bp.ID = "food-v3"
	_, inspected := s.Inspect(t.Context())
	for name, err := range map[string]error{
		"inspect": inspected, "install": s.InstallBlue(t.Context(), r, ignore), "remove": s.RemoveBlue(t.Context(), r),
	} {
		if err == nil || !strings.Contains(err.Error(), "not of ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := c.release(t, r.Name).Info.Status; got != release.StatusDeployed {
		t.Errorf("it is %s now", got)
	}
}

func TestUpgradeOfAPendingGreen(t *testing.T) {
	for name, tc := range map[string]struct {
		tag  string // in the pending revision
		want bool
	}{
		"its own, cut short": {"2.0.0", true},
		"someone else's":     {"1.9.9", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.install(t, "food", nil)
			s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{foodTag2}})
			r := c.installBlue(t, s)
			pending := *c.release(t, "food")
			pending.Version = 2
			pending.Manifest = strings.ReplaceAll(pending.Manifest, "food:1.0.0", "food:"+tc.tag)
			pending.Info = &release.Info{Status: release.StatusPendingUpgrade}
			if err := c.releases.Create(&pending); err != nil {
				t.Fatal(err)
			}
			err := s.UpgradeGreen(t.Context(), r, ignore)
			if (err == nil) != tc.want {
				t.Errorf("got %v", err)
			}
			if tc.want && c.release(t, "food").Version != 3 {
				t.Error("green was not upgraded")
			}
		})
	}
}

func TestLifeOfAPlainWorkload(t *testing.T) {
	c := newCluster()
	c.run(t, plainGreen, "")
	s := c.slots(blueprint.Blueprint{Images: []blueprint.Component{{Svc: "food", Tag: "2"}}})
	r := c.installBlue(t, s)
	got := r.Components[0]
	if got.Source != FromWorkload || got.GreenRelease != "" || got.BlueRelease != "food-blue" || got.BlueService != "food-blue" {
		t.Errorf("got %+v", got)
	}
	if err := s.UpgradeGreen(t.Context(), r, ignore); err != nil {
		t.Fatal(err)
	}
	d, err := c.client.AppsV1().Deployments("shop").Get(t.Context(), "food", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	own := d.Spec.Template.Spec.Containers
	if len(own) != 2 || own[0].Image != "r.io/food:2" || own[1].Image != "r.io/proxy:7" || len(d.Labels) != 0 {
		t.Errorf("green is now %+v, labelled %v", own, d.Labels)
	}
}

const plainGreen = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: food}
spec:
  replicas: 2
  selector: {matchLabels: {app: food}}
  template:
    metadata: {labels: {app: food}}
    spec: {containers: [{name: c, image: "r.io/food:1"}, {name: p, image: "r.io/proxy:7"}]}
---
apiVersion: v1
kind: Service
metadata: {name: food}
spec: {selector: {app: food}, ports: [{port: 80}]}
`

func TestInspectAFirstLaunch(t *testing.T) {
	c := newCluster()
	s := c.slots(blueprint.Blueprint{
		Images: []blueprint.Component{{
			Svc: "food", Tag: "1", Image: "r.io/food", Port: 9000,
			Values: blueprint.Values{"mounts": map[string]any{"secrets": map[string]any{"rules": "/rules"}}, "autoscaling": map[string]any{"enabled": true}},
		}},
		Configs: []blueprint.Config{{Name: "rules", Data: map[string]string{"a": "b"}}},
	})
	components, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Component{Name: "food", Source: FromEmbedded, First: true, GreenService: "food", GreenRelease: "food",
		GreenWorkload: "Deployment/food", GreenPods: "food-[a-z0-9]+-[a-z0-9]{5}", BlueImage: "r.io/food:1", Container: "app", Replicas: 1}
	if !reflect.DeepEqual(components[0], want) {
		t.Errorf("got\n%+v\nwant\n%+v", components[0], want)
	}
	r := Releases(components)[0]
	c.letRun(t, s, r)
	if err := s.InstallGreen(t.Context(), r, ignore); err != nil {
		t.Fatal(err)
	}
	secret, err := c.client.CoreV1().Secrets("shop").Get(t.Context(), "rules", metav1.GetOptions{})
	if err != nil || string(secret.Data["a"]) != "b" {
		t.Errorf("the config is %v, %v", secret, err)
	}
	if green := c.release(t, "food"); !strings.Contains(green.Manifest, "containerPort: 9000") ||
		!strings.Contains(green.Manifest, "kind: HorizontalPodAutoscaler") {
		t.Errorf("green is\n%s", green.Manifest)
	}
	if err := s.RemoveGreen(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := c.releases.Last("food"); err == nil {
		t.Error("green's release is still there")
	}
}

func TestInspectSays(t *testing.T) {
	labelled := strings.ReplaceAll(plainGreen, "app: food", "app: other")
	for name, tc := range map[string]struct {
		running   string
		component blueprint.Component
		configs   []blueprint.Config
		want      string
	}{
		"nothing there, no image":   {"", blueprint.Component{Svc: "food", Tag: "2"}, nil, "no Service or workload called food in shop"},
		"the Service it names":      {"", blueprint.Component{Svc: "food", Tag: "2", Service: "rice"}, nil, "called rice in shop"},
		"the Service is not there":  {plainGreen, blueprint.Component{Svc: "food", Tag: "2", Service: "rice"}, nil, "service rice does not exist, but Deployment/food does"},
		"its Service selects none":  {strings.Replace(labelled, "app: other", "app: third", 2), blueprint.Component{Svc: "food", Tag: "2"}, nil, "no Deployment or StatefulSet has such pods"},
		"it is scaled to nothing":   {strings.Replace(plainGreen, "replicas: 2", "replicas: 0", 1), blueprint.Component{Svc: "food", Tag: "2"}, nil, "scaled to 0"},
		"it is paused":              {strings.Replace(plainGreen, "replicas: 2", "paused: true", 1), blueprint.Component{Svc: "food", Tag: "2"}, nil, "is paused"},
		"a config that nobody uses": {plainGreen, blueprint.Component{Svc: "food", Tag: "2"}, []blueprint.Config{{Name: "rules"}}, "config rules: no workload"},
		"a config from nowhere":     {plainGreen, blueprint.Component{Svc: "food", Tag: "2"}, []blueprint.Config{{Name: "rules", From: "configmap/gone"}}, `configmaps "gone" not found`},
		"a chart that is not there": {plainGreen, blueprint.Component{Svc: "food", Tag: "2", Chart: "./gone"}, nil, "chart ./gone"},
		"a digest for a chart":      {plainGreen, blueprint.Component{Svc: "food", Digest: "sha256:a", Chart: "testdata/chart"}, nil, "add tag: beside digest:"},
		"a tagValue that is not":    {plainGreen, blueprint.Component{Svc: "food", Tag: "2", Chart: "testdata/chart", TagValue: "replicas.tag"}, nil, "set tagValue: to the path"},
		"a tagValue nobody reads":   {plainGreen, blueprint.Component{Svc: "food", Tag: "2", Chart: "testdata/chart", TagValue: "version"}, nil, "r.io/food:2 is not in what the chart makes: localhost/hms-svc-food:1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.run(t, tc.running, "")
			_, err := c.slots(blueprint.Blueprint{Images: []blueprint.Component{tc.component}, Configs: tc.configs}).Inspect(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestTheSameImageIsLeftAlone(t *testing.T) {
	c := newCluster()
	c.run(t, plainGreen, "")
	got, err := c.slots(blueprint.Blueprint{Images: []blueprint.Component{{Svc: "food", Tag: "1"}}}).Inspect(t.Context())
	if err != nil || !got[0].Unchanged || len(Releases(got)) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHelmDoesNotLeaveTheDetailsOut(t *testing.T) {
	for name, tc := range map[string]struct{ logged, err, want string }{
		"nothing logged": {"", "e", "e"},
		"what it says":   {"failed to delete: e", "e", "e"},
		"what it leaves": {"uninstall: Failed to delete release: [no permission]", "failed to delete release: x", "failed to delete release: x (uninstall: Failed to delete release: [no permission])"},
	} {
		j := new(journal)
		j.add("%s", tc.logged)
		if got := j.explain(errors.New(tc.err)).Error(); got != tc.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
