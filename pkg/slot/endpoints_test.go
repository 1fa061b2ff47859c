package slot

import (
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var blueMarks = map[string]string{labelApp: "food", labelRollout: "food-v2", labelSlot: "blue"}

func bluePod() *corev1.Pod {
	labels := map[string]string{"app": "food-blue", "team": "kitchen"}
	for key, value := range blueMarks {
		labels[key] = value
	}
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "food-blue-1", Namespace: "shop", Labels: labels},
		Status: corev1.PodStatus{PodIP: "10.1.0.9"}}
}

func serviceFor(name string, labels, selects map[string]string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: labels},
		Spec: corev1.ServiceSpec{Selector: selects, ClusterIP: "10.0.0.1", Ports: []corev1.ServicePort{{Name: "grpc", Port: 9}, {Name: "http", Port: 81}}}}
}

func sliceOf(service, pod, address string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: service + "-1", Namespace: "shop",
		Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	e := discoveryv1.Endpoint{Addresses: []string{address}}
	if pod != "" {
		e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: pod}
	}
	s.Endpoints = []discoveryv1.Endpoint{e}
	return s
}

func TestVerifyIsolated(t *testing.T) {
	for name, tc := range map[string]struct {
		more []runtime.Object
		want string // empty: isolated
	}{
		"nothing else":              {nil, ""},
		"green, apart":              {[]runtime.Object{serviceFor("food", nil, map[string]string{"app": "food"}), sliceOf("food", "food-1", "10.1.0.8")}, ""},
		"a Service without pods":    {[]runtime.Object{serviceFor("ext", nil, nil)}, ""},
		"a Service by one label":    {[]runtime.Object{serviceFor("all", nil, map[string]string{"team": "kitchen"})}, "service shop/all selects blue's pod food-blue-1"},
		"endpoints by the pod":      {[]runtime.Object{sliceOf("food", "food-blue-1", "10.1.0.7")}, "of service food leads to blue's pod food-blue-1"},
		"endpoints by its address":  {[]runtime.Object{sliceOf("food", "", "10.1.0.9")}, "of service food leads to blue's pod food-blue-1"},
		"someone who took its mark": {[]runtime.Object{serviceFor("sly", map[string]string{labelSlot: "blue"}, map[string]string{"team": "kitchen"})}, "service shop/sly selects"},
	} {
		t.Run(name, func(t *testing.T) {
			running := append([]runtime.Object{bluePod(), serviceFor("food-blue", blueMarks, blueMarks), sliceOf("food-blue", "food-blue-1", "10.1.0.9")}, tc.more...)
			s := newCluster(running...).slots(blueprint.Blueprint{})
			err := s.VerifyIsolated(t.Context(), []Component{{Name: "food", BlueService: "food-blue", Replicas: 1}})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestVerifyIsolatedWaitsForBluesOwnEndpoints(t *testing.T) {
	c := newCluster(bluePod(), serviceFor("food-blue", blueMarks, blueMarks))
	s := c.slots(blueprint.Blueprint{})
	components := []Component{{Name: "food", BlueService: "food-blue", Replicas: 1}}
	s.Timeout = 50 * time.Millisecond
	if err := s.VerifyIsolated(t.Context(), components); err == nil || !strings.Contains(err.Error(), "service food-blue gets no endpoints") {
		t.Errorf("without endpoints: %v", err)
	}
	s.Timeout = 5 * time.Second
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, err := c.client.DiscoveryV1().EndpointSlices("shop").Create(t.Context(), sliceOf("food-blue", "food-blue-1", "10.1.0.9"), metav1.CreateOptions{})
		if err != nil {
			t.Error(err)
		}
	}()
	if err := s.VerifyIsolated(t.Context(), components); err != nil {
		t.Errorf("with endpoints: %v", err)
	}
}

func TestHosts(t *testing.T) {
	headless := serviceFor("food", nil, nil)
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	s := newCluster(headless, serviceFor("food-blue", nil, nil)).slots(blueprint.Blueprint{})
	got, err := s.Hosts(t.Context(), []Component{{Name: "food", GreenService: "food", BlueService: "food-blue"}, {Name: "web", GreenService: "gone"}})
	if err != nil || len(got) != 2 ||
		got[0] != (Endpoint{"blue", "food", "food-blue", "10.0.0.1", 81}) || got[1] != (Endpoint{"green", "food", "food", "", 81}) {
		t.Errorf("got %+v, %v", got, err)
	}
}
