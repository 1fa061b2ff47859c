package smoke

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// cluster is a fake API server whose Jobs get a pod that goes through the given states.
type cluster struct {
	*fake.Clientset
	states []corev1.PodStatus
	log    string
	jobs   []string // as they were created
}

func newCluster(log string, states ...corev1.PodStatus) *cluster {
	c := &cluster{Clientset: fake.NewClientset(), states: states, log: log}
	watching := make(chan string, 10)
	// The fake's watch does not replay what came before it, so a pod only comes once it is watched.
	c.PrependWatchReactor("pods", func(action clienttesting.Action) (bool, watchInterface, error) {
		w, err := c.Tracker().Watch(action.GetResource(), action.GetNamespace())
		select {
		case watching <- "":
		default:
		}
		return true, w, err
	})
	c.PrependReactor("create", "jobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
		job := action.(clienttesting.CreateAction).GetObject().(*batchv1.Job)
		c.jobs = append(c.jobs, job.Name)
		go func() {
			<-watching
			c.play(job)
		}()
		return false, nil, nil
	})
	c.PrependReactor("get", "pods/log", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &runtime.Unknown{Raw: []byte(c.log)}, nil
	})
	return c
}

func (c *cluster) play(job *batchv1.Job) {
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	for i, status := range c.states {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: job.Name + "-x", Namespace: job.Namespace, UID: "pod-1",
				Labels: map[string]string{batchv1.JobNameLabel: job.Name},
			},
			Status: status,
		}
		write := c.Tracker().Update
		if i == 0 {
			write = func(r schema.GroupVersionResource, o runtime.Object, ns string, _ ...metav1.UpdateOptions) error {
				return c.Tracker().Create(r, o, ns)
			}
		}
		if err := write(pods, pod, job.Namespace); err != nil {
			panic(err)
		}
	}
}

func containerIs(state corev1.ContainerState) corev1.PodStatus {
	return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: container, Image: "an/image:1", State: state}}}
}

func ended(code int32, reason string) corev1.PodStatus {
	return containerIs(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}})
}

func waits(reason, message string) corev1.PodStatus {
	return containerIs(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
}

var (
	running    = containerIs(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	unplaced   = corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available"}}}
	evicted    = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "the node was low on memory"}
	hurry      = &blueprint.Duration{Duration: 300 * time.Millisecond}
	inGoodTime = &blueprint.Duration{Duration: 20 * time.Second}
)

func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		states  []corev1.PodStatus
		timeout *blueprint.Duration
		retries int
		log     string
		exit    int32
		tries   int
		says    []string // parts of the error; none: it passed
		heard   []string
	}{
		"passes": {
			states: []corev1.PodStatus{waits("ContainerCreating", ""), running, ended(0, "Completed")}, log: "one\ntwo",
			exit: 0, tries: 1, heard: []string{"one", "two"},
		},
		"is over before it was seen running": {
			states: []corev1.PodStatus{ended(0, "Completed")}, log: "quick\n", exit: 0, tries: 1, heard: []string{"quick"},
		},
		"fails": {
			states: []corev1.PodStatus{running, ended(22, "Error")}, log: "trying\ncurl: (22) 500\n", exit: 22, tries: 1,
			says: []string{"test smoke: try 1 of 1: exit code 22", "its last line: curl: (22) 500"}, heard: []string{"trying", "curl: (22) 500"},
		},
		"fails at every try": {
			states: []corev1.PodStatus{ended(1, "Error")}, log: "no\n", retries: 2, exit: 1, tries: 3,
			says: []string{"try 3 of 3: exit code 1"},
		},
		"runs out of memory": {
			states: []corev1.PodStatus{ended(137, "OOMKilled")}, log: "", exit: 137, tries: 1, says: []string{"exit code 137 (OOMKilled)"},
		},
		"image can't be pulled": {
			states: []corev1.PodStatus{waits("ContainerCreating", ""), waits("ErrImagePull", "not found")}, retries: 3, exit: -1, tries: 1,
			says: []string{`did not run: image "an/image:1": ErrImagePull: not found`},
		},
		"image has no proper name": {
			states: []corev1.PodStatus{waits("InvalidImageName", "")}, exit: -1, tries: 1, says: []string{"InvalidImageName"},
		},
		"configuration is missing": {
			states: []corev1.PodStatus{waits("CreateContainerConfigError", `secret "x" not found`)}, exit: -1, tries: 1,
			says: []string{`secret "x" not found`},
		},
		"pod is evicted": {
			states: []corev1.PodStatus{evicted}, exit: -1, tries: 1, says: []string{"Evicted: the node was low on memory"},
		},
		"hangs": {
			states: []corev1.PodStatus{running}, timeout: hurry, log: "waiting for godot\n", exit: -1, tries: 1,
			says: []string{"not over after 300ms: its command was still running", "its last line: waiting for godot"}, heard: []string{"waiting for godot"},
		},
		"hangs twice": {
			states: []corev1.PodStatus{running}, timeout: hurry, retries: 1, log: "", exit: -1, tries: 2, says: []string{"try 2 of 2: not over"},
		},
		"finds no node": {
			states: []corev1.PodStatus{unplaced}, timeout: hurry, exit: -1, tries: 1, says: []string{"Unschedulable: 0/1 nodes are available"},
		},
		"gets no pod": {
			timeout: hurry, exit: -1, tries: 1, says: []string{"no pod was made for it", "FailedCreate: exceeded quota: pods"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(tc.log, tc.states...)
			c.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, &corev1.EventList{Items: []corev1.Event{{Reason: "FailedCreate", Message: "exceeded quota: pods"}}}, nil
			})
			r := &Runner{Client: c, Namespace: "food-svc", App: "foodsvc", Rollout: "foodsvc-v2"}
			var heard []string
			test := blueprint.Test{Name: "smoke", Cmd: "true", Timeout: tc.timeout, Retries: tc.retries}
			if tc.timeout == nil {
				test.Timeout = inGoodTime
			}
			result, err := r.Run(t.Context(), test, nil, nil, func(line string) { heard = append(heard, line) })
			if (err == nil) != (len(tc.says) == 0) {
				t.Fatalf("error: %v", err)
			}
			for _, part := range tc.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if result.ExitCode != tc.exit || result.Tries != tc.tries || len(c.jobs) != tc.tries {
				t.Errorf("exit code %d after %d tries with jobs %v, want %d after %d", result.ExitCode, result.Tries, c.jobs, tc.exit, tc.tries)
			}
			if tc.heard != nil && (!slices.Equal(heard, tc.heard) || strings.TrimSpace(result.Log) != strings.Join(tc.heard, "\n")) {
				t.Errorf("heard %q and kept %q, want %q", heard, result.Log, tc.heard)
			}
			c.empty(t)
		})
	}
}

// A Job that could not be removed at once is not left behind.
func TestAJobIsRemovedInTheEnd(t *testing.T) {
	c := newCluster("", ended(0, "Completed"))
	refused := 0
	c.PrependReactor("delete", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) {
		refused++
		return refused < 3, nil, apierrors.NewConflict(batchv1.Resource("jobs"), "smoke", errors.New("someone else writes it"))
	})
	r := &Runner{Client: c, Namespace: "food-svc", App: "foodsvc", Rollout: "foodsvc-v2"}
	if _, err := r.Run(t.Context(), blueprint.Test{Name: "smoke", Cmd: "true"}, nil, nil, func(line string) { t.Error(line) }); err != nil || refused != 3 {
		t.Errorf("%v after %d tries", err, refused)
	}
	c.empty(t)
}

// empty checks that no Job is left, and that each was removed with its pods.
func (c *cluster) empty(t *testing.T) {
	t.Helper()
	left, err := c.BatchV1().Jobs("").List(context.Background(), metav1.ListOptions{})
	if err != nil || len(left.Items) > 0 {
		t.Errorf("jobs left: %v, %v", left.Items, err)
	}
	for _, action := range c.Actions() {
		if d, ok := action.(clienttesting.DeleteActionImpl); ok {
			if p := d.DeleteOptions.PropagationPolicy; p == nil || *p == metav1.DeletePropagationOrphan {
				t.Errorf("%s was deleted without its pods", d.Name)
			}
		}
	}
}

func TestStop(t *testing.T) {
	c := newCluster("half\n", running)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("interrupted")
	r := &Runner{Client: c, Namespace: "food-svc", App: "foodsvc", Rollout: "foodsvc-v2"}
	began := time.Now()
	_, err := r.Run(ctx, blueprint.Test{Name: "smoke", Cmd: "sleep 60", Retries: 5}, nil, nil, func(string) { cancel(reason) })
	if !errors.Is(err, reason) || len(c.jobs) != 1 {
		t.Errorf("error %v after jobs %v", err, c.jobs)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
	c.empty(t)
}

func TestRefused(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	for verb, resource := range map[string]string{"create": "jobs", "list": "pods"} {
		t.Run(verb+" "+resource, func(t *testing.T) {
			c := newCluster("")
			c.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, forbidden })
			r := &Runner{Client: c, Namespace: "food-svc", App: "foodsvc", Rollout: "foodsvc-v2"}
			_, err := r.Run(t.Context(), blueprint.Test{Name: "smoke", Cmd: "true", Retries: 3, Timeout: inGoodTime}, nil, nil, func(string) {})
			if !apierrors.IsForbidden(err) {
				t.Errorf("error %v", err)
			}
			c.empty(t)
		})
	}
	r := &Runner{Client: newCluster("")}
	if _, err := r.Run(t.Context(), blueprint.Test{Name: "chart", Helm: true}, nil, nil, nil); err == nil {
		t.Error("a test without a command passed")
	}
}

func TestClean(t *testing.T) {
	label := func(rollout string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "food-svc", Labels: map[string]string{
			labelManagedBy: managedBy, labelApp: "foodsvc", labelRollout: rollout, labelTest: "smoke",
		}}
	}
	c := fake.NewClientset()
	for _, rollout := range []string{"foodsvc-v2", "foodsvc-v3"} {
		for i := range 2 {
			job := &batchv1.Job{ObjectMeta: label(rollout)}
			job.Name = fmt.Sprintf("%s-%d", rollout, i)
			if err := c.Tracker().Add(job); err != nil {
				t.Fatal(err)
			}
		}
	}
	pod := &corev1.Pod{ObjectMeta: label("foodsvc-v2")}
	pod.Name = "a-pod"
	if err := c.Tracker().Add(pod); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	c.PrependWatchReactor("pods", func(action clienttesting.Action) (bool, watchInterface, error) {
		w, err := c.Tracker().Watch(action.GetResource(), action.GetNamespace())
		go func() {
			time.Sleep(50 * time.Millisecond) // the garbage collector takes its time
			close(gone)
			if err := c.Tracker().Delete(action.GetResource(), "food-svc", "a-pod"); err != nil {
				panic(err)
			}
		}()
		return true, w, err
	})
	r := &Runner{Client: c, Namespace: "food-svc", App: "foodsvc", Rollout: "foodsvc-v2"}
	for range 2 {
		if err := r.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-gone:
		default:
			t.Fatal("it did not wait for the pod")
		}
		left, err := c.BatchV1().Jobs("food-svc").List(t.Context(), metav1.ListOptions{})
		if err != nil || len(left.Items) != 2 || left.Items[0].Labels[labelRollout] != "foodsvc-v3" {
			t.Fatalf("left: %v, %v", left.Items, err)
		}
		c.PrependWatchReactor("pods", func(action clienttesting.Action) (bool, watchInterface, error) {
			w, err := c.Tracker().Watch(action.GetResource(), action.GetNamespace())
			return true, w, err
		})
	}
	if err := (&Runner{Client: c}).Clean(t.Context()); err == nil {
		t.Error("a runner of no rollout cleaned up")
	}
}
