package node

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func live(ready bool) state {
	return state{current: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, started: true, ready: ready}
}

func waitingFor(reason string) state {
	return state{current: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func exited(code int32) state {
	return state{current: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}
}

func crashLooping() state {
	s := waitingFor("CrashLoopBackOff")
	s.last = exited(1).current
	return s
}

func TestPodStatus(t *testing.T) {
	always, onFailure, never := corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever
	side := corev1.ContainerRestartPolicyAlways
	for name, tc := range map[string]struct {
		policy  corev1.RestartPolicy
		inits   []state
		sidecar bool // the inits are sidecars
		mains   []state
		gate    bool // a readiness gate that nobody has opened
		phase   corev1.PodPhase
		ready   bool
		reason  string // of the condition Ready
	}{
		"creating":                       {policy: always, mains: []state{waitingFor("ContainerCreating")}, phase: corev1.PodPending, reason: "ContainersNotReady"},
		"can't pull one of two":          {policy: always, mains: []state{live(true), waitingFor("ImagePullBackOff")}, phase: corev1.PodPending, reason: "ContainersNotReady"},
		"running":                        {policy: always, mains: []state{live(true)}, phase: corev1.PodRunning, ready: true},
		"not ready":                      {policy: always, mains: []state{live(true), live(false)}, phase: corev1.PodRunning, reason: "ContainersNotReady"},
		"gate":                           {policy: always, mains: []state{live(true)}, gate: true, phase: corev1.PodRunning, reason: "ReadinessGatesNotReady"},
		"crash loop":                     {policy: always, mains: []state{crashLooping()}, phase: corev1.PodRunning, reason: "ContainersNotReady"},
		"ended well, but runs always":    {policy: always, mains: []state{exited(0)}, phase: corev1.PodRunning, reason: "ContainersNotReady"},
		"job done":                       {policy: never, mains: []state{exited(0)}, phase: corev1.PodSucceeded, reason: "PodCompleted"},
		"job failed":                     {policy: never, mains: []state{exited(0), exited(3)}, phase: corev1.PodFailed, reason: "ContainersNotReady"},
		"job failed, tries again":        {policy: onFailure, mains: []state{exited(3)}, phase: corev1.PodRunning, reason: "ContainersNotReady"},
		"job half done":                  {policy: never, mains: []state{exited(0), live(true)}, phase: corev1.PodRunning, reason: "ContainersNotReady"},
		"init runs":                      {policy: always, inits: []state{live(false)}, mains: []state{waitingFor("PodInitializing")}, phase: corev1.PodPending, reason: "ContainersNotReady"},
		"init failed for good":           {policy: never, inits: []state{exited(1)}, mains: []state{waitingFor("PodInitializing")}, phase: corev1.PodFailed, reason: "ContainersNotReady"},
		"init done":                      {policy: never, inits: []state{exited(0)}, mains: []state{live(true)}, phase: corev1.PodRunning, ready: true},
		"sidecar runs beside":            {policy: never, inits: []state{live(true)}, sidecar: true, mains: []state{live(true)}, phase: corev1.PodRunning, ready: true},
		"sidecar does not keep it alive": {policy: never, inits: []state{live(true)}, sidecar: true, mains: []state{exited(0)}, phase: corev1.PodSucceeded, reason: "PodCompleted"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: tc.policy, Containers: make([]corev1.Container, len(tc.mains)), InitContainers: make([]corev1.Container, len(tc.inits))}}
			for i := range pod.Spec.InitContainers {
				if tc.sidecar {
					pod.Spec.InitContainers[i].RestartPolicy = &side
				}
			}
			if tc.gate {
				pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/gate"}}
			}
			got := podStatus(pod, facts{ip: "10.244.1.1", inits: tc.inits, mains: tc.mains})
			if got.Phase != tc.phase {
				t.Errorf("phase %s, want %s", got.Phase, tc.phase)
			}
			for _, c := range got.Conditions {
				if c.Type == corev1.PodReady && ((c.Status == corev1.ConditionTrue) != tc.ready || c.Reason != tc.reason) {
					t.Errorf("ready %s %q, want %v %q", c.Status, c.Reason, tc.ready, tc.reason)
				}
			}
		})
	}
}

func TestConditionKeepsItsTime(t *testing.T) {
	early, late := metav1.Unix(100, 0), metav1.Unix(200, 0)
	before := []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: early},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: early},
	}
	got := podStatus(&corev1.Pod{Spec: corev1.PodSpec{Containers: make([]corev1.Container, 1)}}, facts{mains: []state{live(true)}, before: before, now: late})
	for _, c := range got.Conditions {
		want := late
		if c.Type == corev1.PodInitialized {
			want = early
		}
		if !c.LastTransitionTime.Equal(&want) {
			t.Errorf("%s changed at %s, want %s", c.Type, c.LastTransitionTime, want)
		}
	}
}

func TestAgain(t *testing.T) {
	for _, tc := range []struct {
		policy corev1.RestartPolicy
		code   int
		want   bool
	}{
		{corev1.RestartPolicyAlways, 0, true},
		{corev1.RestartPolicyAlways, 1, true},
		{corev1.RestartPolicyOnFailure, 0, false},
		{corev1.RestartPolicyOnFailure, 137, true},
		{corev1.RestartPolicyNever, 1, false},
	} {
		if got := again(tc.policy, tc.code); got != tc.want {
			t.Errorf("again(%s, %d) = %v", tc.policy, tc.code, got)
		}
	}
}

func TestCrashBackOff(t *testing.T) {
	for i, want := range []time.Duration{0, 0, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		if got := crashBackOff(i); got != want {
			t.Errorf("after %d crashes: %s, want %s", i, got, want)
		}
	}
	if got := backOff(1 << 30); got != 5*time.Minute {
		t.Errorf("after very many: %s", got)
	}
}

func TestCast(t *testing.T) {
	for name, tc := range map[string]struct {
		c           corev1.Container
		inCatalogue bool
		want        role
	}{
		"in the catalogue":               {corev1.Container{Image: "a:1"}, true, handler},
		"in the catalogue, arguments":    {corev1.Container{Image: "a:1", Args: []string{"-v"}}, true, handler},
		"in the catalogue, own command":  {corev1.Container{Image: "a:1", Command: []string{"sh"}}, true, command},
		"any other, command":             {corev1.Container{Image: "busybox", Command: []string{"sh"}}, false, command},
		"any other, arguments":           {corev1.Container{Image: "busybox", Args: []string{"sh"}}, false, command},
		"any other":                      {corev1.Container{Image: "busybox"}, false, unknown},
		"in no registry, though command": {corev1.Container{Image: "localhost/missing:1", Command: []string{"sh"}}, false, unknown},
	} {
		if got := cast(&tc.c, tc.inCatalogue); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestTally(t *testing.T) {
	p := &corev1.Probe{SuccessThreshold: 2, FailureThreshold: 3}
	count := tally{}
	for i, step := range []struct{ ok, holds, changed bool }{
		{true, false, false}, {false, false, false}, {true, false, false}, {true, true, true}, {true, true, false},
		{false, true, false}, {false, true, false}, {true, true, false}, // two failures are not three
		{false, true, false}, {false, true, false}, {false, false, true}, {false, false, false},
	} {
		if changed := count.add(step.ok, p); changed != step.changed || count.holds != step.holds {
			t.Fatalf("step %d: holds %v changed %v, want %v %v", i, count.holds, changed, step.holds, step.changed)
		}
	}
	if !count.exhausted(p) {
		t.Error("four failures in a row are not enough")
	}
}

func TestPodAddress(t *testing.T) {
	seen := map[string]bool{}
	for i := range 254 * 254 {
		seen[podAddress(i)] = true
	}
	if len(seen) != 254*254 || !seen["10.244.1.1"] || !seen["10.244.254.254"] || seen["10.244.0.1"] {
		t.Errorf("%d different addresses", len(seen))
	}
}
