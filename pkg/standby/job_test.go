package standby_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/fake"

	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/standby"
)

// job is a standby of a rollout whose record exists.
func job(t *testing.T) (*standby.Job, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset()
	records := record.Store{Secrets: client.CoreV1().Secrets("food-svc")}
	rec := &record.Rollout{ID: "food-v2", App: "food", Namespace: "food-svc", Started: time.Now()}
	if err := records.Create(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	return &standby.Job{
		Client: client, Records: records, Namespace: "food-svc", Rollout: rec, Image: "dro.dev/kubectl-dro:1",
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list"}}},
	}, client
}

func TestAStandbyIsPlacedOnceItHasProvenItself(t *testing.T) {
	j, client := job(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := j.Place(ctx, func(string) { // it is being waited for
		if err := j.Records.Vouch(ctx, j.Rollout, record.Proof{Pod: "p"}); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.BatchV1().Jobs("food-svc").Get(ctx, "dro-standby-food-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if owner := made.OwnerReferences; len(owner) != 1 || owner[0].Kind != "ServiceAccount" || owner[0].Name != made.Name {
		t.Errorf("it is owned by %v", owner)
	}
	role, err := client.RbacV1().Roles("food-svc").Get(ctx, "dro-standby-food-1", metav1.GetOptions{})
	if err != nil || len(role.Rules) != 2 {
		t.Errorf("its role is %v (%v), want its own end and what it was given", role, err)
	}
	if err := j.Place(ctx, func(string) {}); err != nil { // its proof stands
		t.Errorf("placed twice: %v", err)
	}
}

func TestAStandbyThatCantGoOnIsTakenAwayAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(t *testing.T, j *standby.Job, client *fake.Clientset)
		says    string
	}{
		"it says so itself": {func(t *testing.T, j *standby.Job, _ *fake.Clientset) {
			if err := j.Records.Vouch(t.Context(), j.Rollout, record.Proof{Pod: "p", Problem: "may not patch httproutes"}); err != nil {
				t.Error(err)
			}
		}, "food-svc/p could not go on with the rollout: may not patch httproutes"},
		"its image can't be pulled": {func(t *testing.T, _ *standby.Job, client *fake.Clientset) {
			waits(t, client, "ErrImagePull", "not found")
		}, "pod food-svc/p does not run: ErrImagePull: not found\n  name an image"},
		"its image is another program's": {func(t *testing.T, _ *standby.Job, client *fake.Clientset) {
			waits(t, client, "CrashLoopBackOff", "back-off 10s")
		}, "pod food-svc/p does not run: CrashLoopBackOff: back-off 10s\n  its image must be this program's own"},
	} {
		t.Run(name, func(t *testing.T) {
			j, client := job(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := j.Place(ctx, func(string) { tc.happens(t, j, client) })
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want …%s…", err, tc.says)
			}
			_, err = client.CoreV1().ServiceAccounts("food-svc").Get(ctx, "dro-standby-food-1", metav1.GetOptions{})
			if !apierrors.IsNotFound(err) {
				t.Errorf("its serviceaccount, which owns the rest, is still there (%v)", err)
			}
		})
	}
}

// waits makes the standby's pod, whose container waits for that reason.
func waits(t *testing.T, client *fake.Clientset, reason, message string) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "food-svc", Labels: map[string]string{
		"app.kubernetes.io/managed-by": "kubectl-dro", "dro.dev/app": "food", "dro.dev/rollout": "food-v2", "dro.dev/standby": "true",
	}}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
	if _, err := client.CoreV1().Pods("food-svc").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRemoveIsFineWithNothing(t *testing.T) {
	j, _ := job(t)
	if err := j.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNamesAreValidAndApart(t *testing.T) {
	seen := map[string]string{}
	for _, app := range []string{"food", strings.Repeat("a", 63), strings.Repeat("a", 62) + "b"} {
		for _, n := range []int{1, 12, 12345} {
			name, of := standby.Name(app, n), fmt.Sprint(app, n)
			if problems := validation.IsDNS1123Label(name); len(problems) > 0 || len(name) > 52 {
				t.Errorf("%s: %v", name, problems)
			}
			if other, taken := seen[name]; taken {
				t.Errorf("%s is of %s and of %s", name, other, of)
			}
			seen[name] = of
		}
	}
}
