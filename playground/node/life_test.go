package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"

	"dro.dev/kubectl-dro/playground/network"
	"dro.dev/kubectl-dro/playground/process"
)

// TestMain lets this binary be the reaper, as the playground's own is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == process.ReaperCommand {
		if err := process.Reap(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bench is a node on an API server that is only a store.
type bench struct {
	*Node
	t      *testing.T
	events *record.FakeRecorder
}

func newBench(t *testing.T, catalogue Catalogue) *bench {
	t.Helper()
	reaper, err := process.StartReaper()
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(context.Background())
	events := record.NewFakeRecorder(1000)
	n := &Node{
		Options: Options{
			Name: "n", Address: "10.244.0.1", Dir: t.TempDir(), API: "127.0.0.1:1", Client: fake.NewClientset(), Catalogue: catalogue,
			Network: network.New(), Reaper: reaper, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		},
		life: life, now: time.Now, events: events, pods: map[types.UID]*pod{},
	}
	if err := n.watch(life); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		n.alive.Wait()
		if err := reaper.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{n, t, events}
}

func (b *bench) create(name string, policy corev1.RestartPolicy, c corev1.Container) {
	b.t.Helper()
	c.Name = "c"
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{NodeName: "n", RestartPolicy: policy, Containers: []corev1.Container{c}}}
	if _, err := b.Client.CoreV1().Pods("ns").Create(b.t.Context(), pod, metav1.CreateOptions{}); err != nil {
		b.t.Fatal(err)
	}
}

// until watches the pod until it is as wanted; nil stands for a pod that is gone.
func (b *bench) until(name, what string, wanted func(*corev1.Pod) bool) *corev1.Pod {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	watch, err := b.Client.CoreV1().Pods("ns").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer watch.Stop()
	for {
		pod, err := b.Client.CoreV1().Pods("ns").Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			pod = nil
		} else if err != nil {
			b.t.Fatal(err)
		}
		if wanted(pod) {
			return pod
		}
		select {
		case <-watch.ResultChan():
		case <-ctx.Done():
			b.t.Fatalf("pod %s is never %s: %+v", name, what, pod)
		}
	}
}

func (b *bench) log(name string, previous bool) string {
	b.t.Helper()
	l, _, err := b.logOf("ns", name, "c", previous)
	if err != nil {
		b.t.Fatal(err)
	}
	var out strings.Builder
	if err := l.copyTo(b.t.Context(), &out, func() {}, view{tail: -1, limit: -1}); err != nil {
		b.t.Fatal(err)
	}
	return out.String()
}

// delete marks the pod as the API server would, as the fake one removes it at once.
func (b *bench) delete(name string, grace int64) {
	b.t.Helper()
	pod, err := b.Client.CoreV1().Pods("ns").Get(b.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = new(metav1.Now()), &grace
	if _, err := b.Client.CoreV1().Pods("ns").Update(b.t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		b.t.Fatal(err)
	}
}

func empty(string) (Program, bool) { return nil, false }

func is(phase corev1.PodPhase) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool { return p != nil && p.Status.Phase == phase }
}

func isReady(p *corev1.Pod) bool {
	if p == nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func sh(script string) corev1.Container {
	return corev1.Container{Image: "busybox", Command: []string{"sh", "-c", script}}
}

func TestCommandsRunToTheirEnd(t *testing.T) {
	b := newBench(t, empty)
	b.create("good", corev1.RestartPolicyNever, sh("echo hello $KUBERNETES_SERVICE_HOST; pwd"))
	b.create("bad", corev1.RestartPolicyNever, sh("echo no >&2; exit 3"))
	b.create("shot", corev1.RestartPolicyNever, sh("kill -9 $$$$")) // $$ is one $ in a pod
	b.create("absent", corev1.RestartPolicyNever, corev1.Container{Image: "busybox", Command: []string{"no-such-command"}})
	b.until("good", "succeeded", is(corev1.PodSucceeded))
	if got, want := b.log("good", false), "hello 127.0.0.1\n"+filepath.Join(b.Dir, "pods", "good", "containers", "c")+"\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
	for name, want := range map[string]corev1.ContainerStateTerminated{
		"bad": {ExitCode: 3, Reason: "Error"}, "shot": {ExitCode: 137, Reason: "Error"}, "absent": {ExitCode: 128, Reason: "StartError"},
	} {
		pod := b.until(name, "failed", is(corev1.PodFailed))
		if got := pod.Status.ContainerStatuses[0].State.Terminated; got.ExitCode != want.ExitCode || got.Reason != want.Reason {
			t.Errorf("%s ended with %d %s, want %d %s", name, got.ExitCode, got.Reason, want.ExitCode, want.Reason)
		}
	}
	if got := b.log("bad", false); got != "no\n" {
		t.Errorf("log of bad: %q", got)
	}
}

func TestCrashLoop(t *testing.T) {
	b := newBench(t, empty)
	b.create("crash", corev1.RestartPolicyAlways, sh("echo run; exit 1"))
	pod := b.until("crash", "held back", func(p *corev1.Pod) bool {
		return p != nil && len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Waiting != nil && p.Status.ContainerStatuses[0].State.Waiting.Reason == "CrashLoopBackOff"
	})
	if c := pod.Status.ContainerStatuses[0]; c.RestartCount != 1 || c.LastTerminationState.Terminated == nil || c.LastTerminationState.Terminated.ExitCode != 1 {
		t.Errorf("restarts %d, last state %+v", c.RestartCount, c.LastTerminationState)
	}
	if b.log("crash", true) != "run\n" || b.log("crash", false) != "run\n" {
		t.Error("the runs' logs are not kept apart")
	}
}

func TestUnknownImage(t *testing.T) {
	b := newBench(t, empty)
	b.create("typo", corev1.RestartPolicyAlways, corev1.Container{Image: "nginx:1.99"})
	for _, reason := range []string{"ErrImagePull", "ImagePullBackOff"} {
		b.until("typo", reason, func(p *corev1.Pod) bool {
			return p != nil && p.Status.Phase == corev1.PodPending && len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Waiting.Reason == reason
		})
	}
	for _, want := range []string{`Normal Pulling Pulling image "nginx:1.99"`, "Warning Failed Failed to pull", "Warning Failed Error: ErrImagePull", `Normal BackOff Back-off pulling image "nginx:1.99"`} {
		if got := <-b.events.Events; !strings.HasPrefix(got, want) {
			t.Errorf("event %q, want %q", got, want)
		}
	}
	if _, status, err := b.logOf("ns", "typo", "c", false); status != http.StatusBadRequest || !strings.Contains(err.Error(), "waiting to start: ImagePullBackOff") {
		t.Errorf("its log: %d %v", status, err)
	}
}

// A handler becomes ready when its probe says so, and a deleted one finishes the request it has but takes no other.
func TestHandlerEndsGracefully(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	b := newBench(t, func(image string) (Program, bool) {
		return func(map[string]string, io.Writer) (http.Handler, error) {
			mux := http.NewServeMux()
			mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
			mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
				close(arrived)
				<-goOn
				fmt.Fprint(w, "served")
			})
			return mux, nil
		}, image == "slow:1"
	})
	probe := &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 3}
	probe.HTTPGet = &corev1.HTTPGetAction{Path: "/healthz"}
	probe.HTTPGet.Port.IntVal = 8080
	b.create("slow", corev1.RestartPolicyAlways, corev1.Container{Image: "slow:1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}, ReadinessProbe: probe})
	pod := b.until("slow", "ready", isReady)

	client := &http.Client{Transport: &http.Transport{DialContext: b.Network.DialContext}}
	body := make(chan string, 1)
	go func() {
		answer, err := client.Get("http://" + pod.Status.PodIP + ":8080/slow")
		if err != nil {
			body <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		body <- fmt.Sprint(string(text), err)
	}()
	<-arrived
	b.delete("slow", 30)
	refused := func() bool {
		conn, err := b.Network.DialContext(t.Context(), "tcp", pod.Status.PodIP+":8080")
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}
	for deadline := time.Now().Add(time.Minute); !refused(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it still takes connections")
		}
	}
	close(goOn)
	if got := <-body; got != "served<nil>" {
		t.Errorf("the request in flight got %q", got)
	}
	b.until("slow", "gone", func(p *corev1.Pod) bool { return p == nil })
}

func TestStubbornCommandIsKilled(t *testing.T) {
	b := newBench(t, empty)
	b.create("stubborn", corev1.RestartPolicyAlways, sh("trap 'echo asked' TERM; echo up; while true; do sleep 0.05; done"))
	b.until("stubborn", "ready", isReady)
	for deadline := time.Now().Add(time.Minute); b.log("stubborn", false) == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never starts")
		}
	}
	began := time.Now()
	b.delete("stubborn", 1)
	b.until("stubborn", "gone", func(p *corev1.Pod) bool { return p == nil })
	if took := time.Since(began); took < time.Second || took > 25*time.Second { // a pod's usual grace is 30 s
		t.Errorf("it took %s to end, with 1 s of grace", took)
	}
}

func TestMountedRules(t *testing.T) {
	b := newBench(t, empty)
	c := sh("cat /etc/food/rules.yaml $RULES")
	c.VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/etc/food"}}
	c.Env = []corev1.EnvVar{{Name: "RULES", Value: "/etc/food/rules.yaml"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "mount", UID: "mount"}, Spec: corev1.PodSpec{NodeName: "n", RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{c}}}
	pod.Spec.Containers[0].Name = "c"
	pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "food"}}}}}
	if _, err := b.Client.CoreV1().Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := <-b.events.Events; !strings.HasPrefix(got, `Warning FailedMount MountVolume.SetUp failed for volume "v" : configmaps "food" not found`) {
		t.Errorf("event %q", got)
	}
	if _, err := b.Client.CoreV1().ConfigMaps("ns").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "food"}, Data: map[string]string{"rules.yaml": "1;"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.until("mount", "succeeded", is(corev1.PodSucceeded))
	if got := b.log("mount", false); got != "1;1;" {
		t.Errorf("it read %q", got)
	}
}
