package notify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/notify"
)

func sink(client *fake.Clientset) *notify.Kubernetes {
	return &notify.Kubernetes{
		Client: client, Component: "kubectl-dro-standby", Instance: "pod-1",
		About: corev1.ObjectReference{Kind: "Deployment", APIVersion: "apps/v1", Namespace: "food-svc", Name: "food"},
	}
}

func TestARollbackIsTold(t *testing.T) {
	client := fake.NewClientset()
	k := sink(client)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	k.Emit(event.Event{Time: at, Type: event.StepStarted, Rollout: "food-v2"}) // of no interest to the cluster
	k.Emit(event.Event{Time: at, Type: event.RolledBack, Rollout: "food-v2", Error: "error_rate 2% > 0.5%"})
	list, err := client.CoreV1().Events("food-svc").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("got %d events (%v), want the rollback alone", len(list.Items), err)
	}
	e := list.Items[0]
	if e.Type != "Warning" || e.Reason != "RolloutRolledBack" || e.Message != "food-v2: error_rate 2% > 0.5%" ||
		e.InvolvedObject.Name != "food" || e.Source.Component != "kubectl-dro-standby" || !e.FirstTimestamp.Time.Equal(at) {
		t.Errorf("got %+v", e)
	}
}

func TestALongMessageIsCutBetweenLetters(t *testing.T) {
	client := fake.NewClientset()
	sink(client).Emit(event.Event{Type: event.Halted, Rollout: "food-v2", Error: strings.Repeat("é", 2000)})
	list, err := client.CoreV1().Events("food-svc").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(err)
	}
	if m := list.Items[0].Message; len(m) > 1024 || !strings.HasSuffix(m, "é") {
		t.Errorf("%d bytes, ending in %q", len(m), m[len(m)-3:])
	}
}

func TestARefusalIsToldOnce(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("forbidden")
	})
	k := sink(client)
	var heard []error
	k.Refused = func(err error) { heard = append(heard, err) }
	k.Emit(event.Event{Type: event.Completed})
	k.Emit(event.Event{Type: event.Halted})
	if len(heard) != 1 || !strings.Contains(heard[0].Error(), "forbidden") {
		t.Errorf("heard %v", heard)
	}
}
