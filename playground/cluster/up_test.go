package cluster

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"dro.dev/kubectl-dro/playground/control"
	"dro.dev/kubectl-dro/playground/process"
)

// TestMain lets this binary be the components, as the playground's own is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && control.Known(os.Args[1]) {
		process.ExitWithParent()
		os.Exit(control.Run(os.Args[1], os.Args[2:]))
	}
	if len(os.Args) == 2 && os.Args[1] == process.ReaperCommand {
		if err := process.Reap(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// up starts a whole playground, and checks at the end that nothing is left of it.
func up(t *testing.T) (*Cluster, kubernetes.Interface) {
	t.Helper()
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatalf("find the Gateway API's module: %v", err)
	}
	dir, err := os.MkdirTemp("", "playground") // t.TempDir's path is too long for a socket's
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := Up(ctx, Options{
		Dir: dir, CRDs: filepath.Join(strings.TrimSpace(string(module)), "config", "crd", "standard"), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pids := []int{pid(t, dir, control.Etcd), pid(t, dir, control.APIServer), pid(t, dir, control.ControllerManager), pid(t, dir, control.Scheduler)}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil {
				t.Errorf("process %d is left", pid)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	return c, client
}

func pid(t *testing.T, dir, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pids", name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// runJob runs a script in a Job in food-svc and returns how its pod ended and what it said.
func runJob(t *testing.T, client kubernetes.Interface, name, script string) (corev1.PodPhase, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.JobSpec{BackoffLimit: new(int32(0))}}
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	job.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "busybox", Command: []string{"sh", "-c", script}}}
	if _, err := client.BatchV1().Jobs("food-svc").Create(ctx, job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	mine := metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + name}
	watch, err := client.CoreV1().Pods("food-svc").Watch(ctx, mine)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			continue
		}
		log, err := client.CoreV1().Pods("food-svc").GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return pod.Status.Phase, string(log)
	}
	t.Fatalf("job %s never ends", name)
	return "", ""
}

// The whole thing, once: it takes a few seconds to start.
func TestUp(t *testing.T) {
	c, client := up(t)

	t.Run("a command reaches a Service by its name", func(t *testing.T) {
		if phase, log := runJob(t, client, "smoke", "curl -sf http://hms-svc-food/pay && curl -sf http://food-delivery.food-svc.svc/healthz"); phase != corev1.PodSucceeded || !strings.HasPrefix(log, "hms-svc-food 1.0.0") {
			t.Errorf("%s: %q", phase, log)
		}
	})
	t.Run("a command fails", func(t *testing.T) {
		if phase, log := runJob(t, client, "bad", "echo why; exit 3"); phase != corev1.PodFailed || log != "why\n" {
			t.Errorf("%s: %q", phase, log)
		}
	})
	t.Run("Prometheus answers through the API server", func(t *testing.T) {
		text, err := client.CoreV1().Services("monitoring").ProxyGet("http", "prometheus", "9090", "/api/v1/query", map[string]string{"query": "vector(1)"}).DoRaw(t.Context())
		if err != nil || !strings.Contains(string(text), `"status":"success"`) {
			t.Errorf("%s %v", text, err)
		}
	})
	t.Run("traffic goes on while the API server is killed, and it comes back", func(t *testing.T) {
		before := pid(t, c.dir, control.APIServer)
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if status, err := ask(t.Context(), c.Gateway, "food.example"); err != nil || status != http.StatusOK {
				t.Fatalf("traffic: %d %v", status, err)
			}
			if _, err := client.CoreV1().Nodes().Get(t.Context(), nodeName, metav1.GetOptions{}); err == nil && pid(t, c.dir, control.APIServer) != before {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("it does not come back: %v", err)
			}
		}
		if phase, log := runJob(t, client, "after", "echo works"); phase != corev1.PodSucceeded || log != "works\n" {
			t.Errorf("%s: %q", phase, log)
		}
	})
	if err := c.Err(); err != nil {
		t.Errorf("a part broke: %v", err)
	}
}
