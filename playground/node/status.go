package node

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// state is what is known of one container.
type state struct {
	current  corev1.ContainerState
	last     corev1.ContainerState
	restarts int32
	started  bool // running, and past its startup probe
	ready    bool
	id       string
}

// facts are what a pod's status is made of, besides the pod.
type facts struct {
	ip, hostIP string
	began      metav1.Time
	now        metav1.Time
	inits      []state
	mains      []state
	before     []corev1.PodCondition
}

// podStatus is what the kubelet would report.
func podStatus(pod *corev1.Pod, f facts) corev1.PodStatus {
	initialized := allInitialized(pod, f.inits)
	phase := podPhase(pod, f, initialized)
	finished := phase == corev1.PodSucceeded || phase == corev1.PodFailed
	containersReady := initialized && !finished && allReady(f.mains)
	status := corev1.PodStatus{
		ObservedGeneration:    pod.Generation,
		Phase:                 phase,
		HostIP:                f.hostIP,
		HostIPs:               []corev1.HostIP{{IP: f.hostIP}},
		PodIP:                 f.ip,
		PodIPs:                []corev1.PodIP{{IP: f.ip}},
		StartTime:             &f.began,
		QOSClass:              pod.Status.QOSClass,
		InitContainerStatuses: containerStatuses(pod.Spec.InitContainers, f.inits),
		ContainerStatuses:     containerStatuses(pod.Spec.Containers, f.mains),
	}
	reason, ready := "", containersReady && gatesOpen(pod)
	switch {
	case phase == corev1.PodSucceeded:
		reason = "PodCompleted"
	case !containersReady:
		reason = "ContainersNotReady"
	case !ready:
		reason = "ReadinessGatesNotReady"
	}
	notInitialized := ""
	if !initialized {
		notInitialized = "ContainersNotInitialized"
	}
	for _, c := range []corev1.PodCondition{
		condition(corev1.PodReadyToStartContainers, !finished, ""),
		condition(corev1.PodInitialized, initialized, notInitialized),
		condition(corev1.PodReady, ready, reason),
		condition(corev1.ContainersReady, containersReady, reason),
		condition(corev1.PodScheduled, true, ""),
	} {
		c.ObservedGeneration = pod.Generation
		c.LastTransitionTime = since(f.before, c, f.now)
		status.Conditions = append(status.Conditions, c)
	}
	return status
}

func condition(kind corev1.PodConditionType, holds bool, reason string) corev1.PodCondition {
	status := corev1.ConditionFalse
	if holds {
		status = corev1.ConditionTrue
	}
	return corev1.PodCondition{Type: kind, Status: status, Reason: reason}
}

// since is when c took its present value.
func since(before []corev1.PodCondition, c corev1.PodCondition, now metav1.Time) metav1.Time {
	for _, old := range before {
		if old.Type == c.Type && old.Status == c.Status && !old.LastTransitionTime.IsZero() {
			return old.LastTransitionTime
		}
	}
	return now
}

func podPhase(pod *corev1.Pod, f facts, initialized bool) corev1.PodPhase {
	if !initialized {
		for i, s := range f.inits {
			t := s.current.Terminated
			if t != nil && t.ExitCode != 0 && pod.Spec.RestartPolicy == corev1.RestartPolicyNever && !sidecar(pod.Spec.InitContainers[i]) {
				return corev1.PodFailed
			}
		}
		return corev1.PodPending
	}
	waiting, ended, failed := 0, 0, 0
	for _, s := range f.mains {
		switch {
		case s.current.Terminated != nil:
			if again(pod.Spec.RestartPolicy, int(s.current.Terminated.ExitCode)) {
				continue // it will run again: the pod counts as running
			}
			ended++
			if s.current.Terminated.ExitCode != 0 {
				failed++
			}
		case s.current.Running == nil && s.last.Terminated == nil:
			waiting++
		}
	}
	switch {
	case waiting > 0:
		return corev1.PodPending
	case ended < len(f.mains):
		return corev1.PodRunning
	case failed > 0:
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}

func sidecar(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

func allInitialized(pod *corev1.Pod, inits []state) bool {
	for i, s := range inits {
		done := s.current.Terminated != nil && s.current.Terminated.ExitCode == 0
		if sidecar(pod.Spec.InitContainers[i]) {
			done = s.started || s.last.Terminated != nil
		}
		if !done {
			return false
		}
	}
	return true
}

func allReady(containers []state) bool {
	for _, s := range containers {
		if !s.ready {
			return false
		}
	}
	return true
}

// gatesOpen looks at the conditions that others report and the pod waits for.
func gatesOpen(pod *corev1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		open := false
		for _, c := range pod.Status.Conditions {
			open = open || c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		}
		if !open {
			return false
		}
	}
	return true
}

func containerStatuses(specs []corev1.Container, states []state) []corev1.ContainerStatus {
	statuses := make([]corev1.ContainerStatus, len(states))
	for i, s := range states {
		statuses[i] = corev1.ContainerStatus{
			Name:                 specs[i].Name,
			Image:                specs[i].Image,
			State:                s.current,
			LastTerminationState: s.last,
			RestartCount:         s.restarts,
			Ready:                s.ready,
			Started:              new(s.started),
			ContainerID:          s.id,
		}
		if s.id != "" {
			statuses[i].ImageID = specs[i].Image
		}
	}
	return statuses
}
