package slot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestState(t *testing.T) {
	for name, tc := range map[string]struct {
		pod   string        // status of a pod of the newest template
		after time.Duration // when it is looked at
		says  string        // in the reason; empty: none
		again time.Duration // when to look again
	}{
		"starting":             {"{phase: Pending, containerStatuses: [{name: c, state: {waiting: {reason: ContainerCreating}}}]}", 0, "", 0},
		"image not there":      {"{containerStatuses: [{name: c, image: f:2, state: {waiting: {reason: ErrImagePull, message: not found}}}]}", 0, "ErrImagePull: not found", 0},
		"backing off":          {"{containerStatuses: [{name: c, image: f:2, state: {waiting: {reason: ImagePullBackOff}}}]}", 0, "ImagePullBackOff: f:2", 0},
		"first container's":    {"{initContainerStatuses: [{name: i, state: {waiting: {reason: InvalidImageName, message: m}}}]}", 0, "container i: InvalidImageName", 0},
		"config missing":       {"{containerStatuses: [{name: c, state: {waiting: {reason: CreateContainerConfigError, message: configmap \"x\" not found}}}]}", 0, `configmap "x" not found`, 0},
		"crashed once":         {"{containerStatuses: [{name: c, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 3}}}]}", 0, "", 0},
		"crashed twice":        {"{containerStatuses: [{name: c, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 3}}}]}", 0, "keeps ending (2 restarts): exit code 3", 0},
		"out of memory":        {"{containerStatuses: [{name: c, restartCount: 4, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}", 0, "OOMKilled, exit code 137", 0},
		"no node, just now":    {"{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes, lastTransitionTime: '2026-01-01T12:00:00Z'}]}", 5 * time.Second, "", unscheduled},
		"no node, for long":    {"{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes, lastTransitionTime: '2026-01-01T12:00:00Z'}]}", unscheduled, "finds no node: 0/3 nodes", 0},
		"an init done at last": {"{initContainerStatuses: [{name: i, restartCount: 3, state: {terminated: {exitCode: 0}}, lastState: {terminated: {exitCode: 1}}}]}", 0, "", 0},
		"up after some tries":  {"{containerStatuses: [{name: c, restartCount: 3, state: {running: {}}, lastState: {terminated: {exitCode: 1}}}]}", 0, "", 0},
		"ends without error":   {"{containerStatuses: [{name: c, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 0}}}]}", 0, "exit code 0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := sight{workload: foodWorkload("f:2"), pods: []corev1.Pod{podOf(t, "f:2", tc.pod)}}
			why, again := s.state(noon.Add(tc.after))
			if (why == nil) != (tc.says == "") || why != nil && !strings.Contains(why.text, tc.says) {
				t.Errorf("reason %+v, want %q", why, tc.says)
			}
			if want := tc.again; want != 0 && !again.Equal(noon.Add(want)) || want == 0 && !again.IsZero() {
				t.Errorf("look again at %s, want after %s", again, want)
			}
		})
	}
}

func TestStateOfOldPodsDoesNotCount(t *testing.T) {
	bad := "{containerStatuses: [{name: c, state: {waiting: {reason: ErrImagePull}}}]}"
	s := sight{workload: foodWorkload("f:2"), pods: []corev1.Pod{podOf(t, "f:1", bad)}}
	if why, _ := s.state(noon); why != nil {
		t.Errorf("an old pod counts: %s", why.text)
	}
}

func TestSeeDeployment(t *testing.T) {
	quota := []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentReplicaFailure, Status: "True", Message: "exceeded quota", LastTransitionTime: metav1.NewTime(noon),
	}}
	for name, tc := range map[string]struct {
		status appsv1.DeploymentStatus
		done   bool
		count  string
		after  time.Duration
		says   string
	}{
		"just written":      {appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}, false, "0/2 ready", 0, ""},
		"one of two":        {appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1}, false, "1/2 ready", 0, ""},
		"old ones left":     {appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 2}, false, "2/2 ready", 0, ""},
		"only old ones":     {appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 0, AvailableReplicas: 2}, false, "0/2 ready", 0, ""},
		"done":              {appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}, true, "2/2 ready", 0, ""},
		"quota, just now":   {appsv1.DeploymentStatus{ObservedGeneration: 2, Conditions: quota}, false, "0/2 ready", patience - 1, ""},
		"quota, for longer": {appsv1.DeploymentStatus{ObservedGeneration: 2, Conditions: quota}, false, "0/2 ready", patience, "exceeded quota"},
	} {
		t.Run(name, func(t *testing.T) {
			two := int32(2)
			d := &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: "food", Generation: 2}, Spec: appsv1.DeploymentSpec{Replicas: &two}, Status: tc.status,
			}
			s := seeDeployment(d)
			if got := count([]sight{s}); s.done != tc.done || got != tc.count {
				t.Errorf("done %v, %s; want %v, %s", s.done, got, tc.done, tc.count)
			}
			why, _, _ := judge([]sight{s}, noon.Add(tc.after))
			if (why == nil) != (tc.says == "") || why != nil && !strings.Contains(why.text, tc.says) {
				t.Errorf("reason %+v, want %q", why, tc.says)
			}
		})
	}
}

func TestSeeStatefulSet(t *testing.T) {
	refusal := corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Name: "food"}, Reason: "FailedCreate",
		Message: "exceeded quota", FirstTimestamp: metav1.NewTime(noon),
	}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "food", Generation: 1}}
	set.Status = appsv1.StatefulSetStatus{ObservedGeneration: 1}
	if why, _ := seeStatefulSet(set, []corev1.Event{refusal}).state(noon.Add(patience)); why == nil || !strings.Contains(why.text, "exceeded quota") {
		t.Errorf("got %+v", why)
	}
	set.Status = appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 1, ReadyReplicas: 1, UpdatedReplicas: 1}
	if s := seeStatefulSet(set, []corev1.Event{refusal}); !s.done || s.stuck != "" {
		t.Errorf("got %+v", s)
	}
}

func TestOverdueSaysTheLastWarningsAboutIt(t *testing.T) {
	s := sight{workload: foodWorkload("f:2"), pods: []corev1.Pod{podOf(t, "f:2", "{}")}}
	for i, e := range []struct{ about, message string }{{"pod", "old"}, {"other", "not ours"}, {"pod", "again"}, {"pod", "again"}, {"food", "last"}} {
		s.events = append(s.events, corev1.Event{
			InvolvedObject: corev1.ObjectReference{Name: e.about}, Reason: "Unhealthy", Message: e.message,
			LastTimestamp: metav1.NewTime(noon.Add(time.Duration(i) * time.Minute)),
		})
	}
	want := "Deployment/food: 0/2 ready\n  Unhealthy: last\n  Unhealthy: again\n  Unhealthy: old"
	if got := s.overdue(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func foodWorkload(ref string) workload {
	two := int32(2)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "food"}, Spec: appsv1.DeploymentSpec{Replicas: &two}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: ref}}
	return ofDeployment(d)
}

func podOf(t *testing.T, ref, status string) corev1.Pod {
	t.Helper()
	var p corev1.Pod
	text := fmt.Sprintf("metadata: {name: pod}\nspec: {containers: [{name: c, image: %s}, {name: injected, image: x}]}\nstatus: %s", ref, status)
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}
