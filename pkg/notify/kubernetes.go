package notify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"dro.dev/kubectl-dro/pkg/event"
)

const (
	// patience is how long the API server may take for one Event.
	patience = 2 * time.Second
	// longest is what the API server takes as a message.
	longest = 1024
)

// Kubernetes writes what happens to a rollout as Kubernetes Events, so that `kubectl get events` and `kubectl describe`
// show it. It tells of the rollout as a whole, not of its steps.
type Kubernetes struct {
	Client    kubernetes.Interface
	About     corev1.ObjectReference // what the events are about
	Component string                 // who writes: kubectl-dro, or its standby
	Instance  string                 // which one of them

	refused sync.Once
	Refused func(error) // hears once that an Event could not be written
}

// Emit writes the event, if it is one of those that are told.
func (k *Kubernetes) Emit(e event.Event) {
	reason, told := reasons()[e.Type]
	if !told {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience) // an interrupt must not keep its own event from being told
	defer cancel()
	at := metav1.NewTime(e.Time)
	kind := corev1.EventTypeNormal
	if reason.warning {
		kind = corev1.EventTypeWarning
	}
	_, err := k.Client.CoreV1().Events(k.About.Namespace).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: "dro-" + e.Rollout + "-", Namespace: k.About.Namespace},
		InvolvedObject: k.About, Reason: reason.name, Message: message(e), Type: kind,
		Source: corev1.EventSource{Component: k.Component, Host: k.Instance}, ReportingController: k.Component, ReportingInstance: k.Instance,
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
	}, metav1.CreateOptions{})
	if err != nil && k.Refused != nil {
		k.refused.Do(func() { k.Refused(fmt.Errorf("write kubernetes events: %w", err)) })
	}
}

// reason is an event's name in Kubernetes' spelling, and whether it is a warning.
type reason struct {
	name    string
	warning bool
}

func reasons() map[event.Type]reason {
	return map[event.Type]reason{
		event.Started:     {"RolloutStarted", false},
		event.Shifted:     {"TrafficShifted", false},
		event.Paused:      {"RolloutPaused", true},
		event.Waiting:     {"RolloutWaiting", false},
		event.Resumed:     {"RolloutResumed", false},
		event.HandedOver:  {"RolloutHandedOver", false},
		event.TakenOver:   {"RolloutTakenOver", true},
		event.RollingBack: {"RolloutRollingBack", true},
		event.RolledBack:  {"RolloutRolledBack", true},
		event.Completed:   {"RolloutCompleted", false},
		event.Halted:      {"RolloutHalted", true},
	}
}

// message is what people read of an event.
func message(e event.Event) string {
	parts := []string{e.Rollout}
	if e.Traffic != nil {
		parts = append(parts, fmt.Sprintf("%d%% of traffic on blue", *e.Traffic))
	}
	for _, text := range []string{e.Message, e.Error} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	text := strings.Join(parts, ": ")
	return strings.ToValidUTF8(text[:min(len(text), longest)], "")
}
