package node

import (
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// written are ConfigMaps and Secrets by name, in any namespace.
type written struct {
	configMaps map[string]map[string]string
	secrets    map[string]map[string][]byte
}

func (w written) configMap(_, name string) (*corev1.ConfigMap, error) {
	data, ok := w.configMaps[name]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
	}
	return &corev1.ConfigMap{Data: data}, nil
}

func (w written) secret(_, name string) (*corev1.Secret, error) {
	data, ok := w.secrets[name]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
	}
	return &corev1.Secret{Data: data}, nil
}

func TestEnvironment(t *testing.T) {
	known := written{
		configMaps: map[string]map[string]string{"cm": {"a": "1", "b": "2"}},
		secrets:    map[string]map[string][]byte{"s": {"token": []byte("t")}},
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", Labels: map[string]string{"app": "food"}},
		Spec:       corev1.PodSpec{NodeName: "n"},
		Status:     corev1.PodStatus{PodIP: "10.244.1.1"},
	}
	key := func(name, key string, optional bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional}}
	}
	path := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	all := []corev1.EnvFromSource{{Prefix: "P_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}}
	for name, tc := range map[string]struct {
		from []corev1.EnvFromSource
		env  []corev1.EnvVar
		want map[string]string
		err  string
	}{
		"plain":                 {env: []corev1.EnvVar{{Name: "A", Value: "x"}}, want: map[string]string{"A": "x"}},
		"what came before":      {env: []corev1.EnvVar{{Name: "A", Value: "x"}, {Name: "B", Value: "$(A)/$(C)/$$(A)"}, {Name: "C", Value: "z"}}, want: map[string]string{"A": "x", "B": "x/$(C)/$(A)", "C": "z"}},
		"a whole ConfigMap":     {from: all, env: []corev1.EnvVar{{Name: "P_a", Value: "own"}}, want: map[string]string{"P_a": "own", "P_b": "2"}},
		"a key":                 {env: []corev1.EnvVar{{Name: "A", ValueFrom: key("cm", "b", false)}}, want: map[string]string{"A": "2"}},
		"a key that is missing": {env: []corev1.EnvVar{{Name: "A", ValueFrom: key("cm", "z", false)}}, err: "couldn't find key z in ConfigMap cm"},
		"a map that is missing": {env: []corev1.EnvVar{{Name: "A", ValueFrom: key("no", "z", false)}}, err: `configmaps "no" not found`},
		"optional":              {env: []corev1.EnvVar{{Name: "A", ValueFrom: key("no", "z", true)}, {Name: "B", ValueFrom: key("cm", "z", true)}}, want: map[string]string{}},
		"secret":                {env: []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "token"}}}}, want: map[string]string{"A": "t"}},
		"fields": {
			env:  []corev1.EnvVar{{Name: "A", ValueFrom: path("metadata.name")}, {Name: "B", ValueFrom: path("metadata.labels['app']")}, {Name: "C", ValueFrom: path("status.podIP")}, {Name: "D", ValueFrom: path("spec.nodeName")}},
			want: map[string]string{"A": "p", "B": "food", "C": "10.244.1.1", "D": "n"},
		},
		"no such field": {env: []corev1.EnvVar{{Name: "A", ValueFrom: path("spec.nothing")}}, err: "variable A"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := environment(pod, &corev1.Container{EnvFrom: tc.from, Env: tc.env}, known)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || !maps.Equal(got, tc.want) {
				t.Errorf("got %v (%v), want %v", got, err, tc.want)
			}
		})
	}
}

func TestVolumeContent(t *testing.T) {
	known := written{
		configMaps: map[string]map[string]string{"cm": {"a": "1", "b": "2"}},
		secrets:    map[string]map[string][]byte{"s": {"token": []byte("t")}},
	}
	cm := corev1.LocalObjectReference{Name: "cm"}
	for name, tc := range map[string]struct {
		v    corev1.VolumeSource
		want map[string]string
		err  string
	}{
		"configMap":         {v: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: cm}}, want: map[string]string{"a": "1", "b": "2"}},
		"configMap's items": {v: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: cm, Items: []corev1.KeyToPath{{Key: "b", Path: "x/y"}}}}, want: map[string]string{"x/y": "2"}},
		"an item missing":   {v: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: cm, Items: []corev1.KeyToPath{{Key: "z", Path: "z"}}}}, err: "non-existent config key: z"},
		"secret missing":    {v: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "no"}}, err: "not found"},
		"optional":          {v: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "no", Optional: new(true)}}, want: map[string]string{}},
		"projected": {v: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: cm}}, {Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}},
		}}}, want: map[string]string{"a": "1", "b": "2", "token": "t"}},
		"a disk": {v: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}, err: "only configMap"},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := volumeContent("ns", corev1.Volume{VolumeSource: tc.v}, known)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			got := map[string]string{}
			for path, text := range files {
				got[path] = string(text)
			}
			if err != nil || !maps.Equal(got, tc.want) {
				t.Errorf("got %v (%v), want %v", got, err, tc.want)
			}
		})
	}
}

func TestLocalise(t *testing.T) {
	c := &corev1.Container{VolumeMounts: []corev1.VolumeMount{
		{Name: "rules", MountPath: "/etc/food"}, {Name: "keys", MountPath: "/etc/food/keys/"}, {Name: "one", MountPath: "/a.txt", SubPath: "b.txt"}, {Name: "all", MountPath: "/"},
	}}
	mounts := mountsOf(c, "/v")
	for text, want := range map[string]string{
		"/etc/food":                     "/v/rules",
		"/etc/food/a.yaml":              "/v/rules/a.yaml",
		"/etc/food/keys/k":              "/v/keys/k",
		"cat /etc/food/a /a.txt":        "cat /v/rules/a /v/one/b.txt",
		"--rules=/etc/food;x":           "--rules=/v/rules;x",
		"/etc/foods /x/etc/food":        "/etc/foods /x/etc/food",
		"/etc/food-2 /etc/food.d":       "/etc/food-2 /etc/food.d",
		"http://host/etc/food":          "http://host/etc/food",
		"'/etc/food'":                   "'/v/rules'",
		"/etc/food:/etc/food/keys:/bin": "/v/rules:/v/keys:/bin",
		"nothing here":                  "nothing here",
		"":                              "",
	} {
		if got := localise(text, mounts); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzLocalise(f *testing.F) {
	f.Add("cat /etc/food/x", "/etc/food")
	f.Fuzz(func(t *testing.T, text, inside string) {
		same := localise(text, []mount{{inside, inside}})
		if same != text {
			t.Errorf("a path that stands for itself changed %q to %q", text, same)
		}
	})
}
