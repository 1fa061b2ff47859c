package slot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How long a reason that may pass by itself is borne.
const (
	patience     = 20 * time.Second // refused by a quota or a webhook
	unscheduled  = time.Minute      // no node has room: an autoscaler may be adding one
	restartsMost = 2                // a container that ended this often won't come up
)

// sight is what there is to see of one workload.
type sight struct {
	workload workload
	done     bool // the controller says that all pods are of the newest template and available
	ready    int32
	stuck    string // the controller's reason for not making pods
	late     bool   // the workload's own time limit for getting ready is over
	since    time.Time
	pods     []corev1.Pod
	events   []corev1.Event // warnings in the namespace
}

// reason is why a workload won't get ready.
type reason struct {
	text      string
	pod       string // whose log explains it
	container string
	previous  bool // the log of the container's last run
}

// state judges a workload: how many pods are ready, and why it never will be, if so. A reason that may pass counts
// once it is old enough; until then, again says when to look again.
func (s sight) state(now time.Time) (why *reason, again time.Time) {
	if s.done {
		return nil, time.Time{}
	}
	later := func(t time.Time) {
		if again.IsZero() || t.Before(again) {
			again = t
		}
	}
	if s.stuck != "" {
		if due := s.since.Add(patience); now.Before(due) {
			later(due)
		} else {
			return &reason{text: fmt.Sprintf("%s gets no pods: %s", s.workload.id(), s.stuck)}, again
		}
	}
	for _, p := range s.pods {
		if !s.newest(p) {
			continue
		}
		if r := broken(p); r != nil {
			return r, again
		}
		if text, since := unplaced(p); text != "" {
			if due := since.Add(unscheduled); now.Before(due) {
				later(due)
			} else {
				return &reason{text: fmt.Sprintf("pod %s finds no node: %s", p.Name, text)}, again
			}
		}
	}
	if s.late {
		return &reason{text: "not ready within the workload's own progressDeadlineSeconds\n  " + s.overdue()}, again
	}
	return nil, again
}

// newest says whether a pod was made from the workload's template as it is now.
func (s sight) newest(p corev1.Pod) bool {
	for _, want := range s.workload.template.Spec.Containers {
		same := func(c corev1.Container) bool { return c.Name == want.Name && c.Image == want.Image }
		if !slices.ContainsFunc(p.Spec.Containers, same) {
			return false
		}
	}
	return p.DeletionTimestamp == nil
}

// hopeless are the reasons for which a waiting container will go on waiting, and what to do.
var hopeless = map[string]string{
	"ErrImagePull":               "does the tag exist, and may the cluster pull it?",
	"ImagePullBackOff":           "does the tag exist, and may the cluster pull it?",
	"ErrImageNeverPull":          "the image must be on the node already",
	"InvalidImageName":           "correct image: or tag:",
	"RegistryUnavailable":        "can the node reach the registry?",
	"CreateContainerConfigError": "does the ConfigMap or Secret exist?",
}

// broken says why a pod won't get ready.
func broken(p corev1.Pod) *reason {
	statuses := append(append([]corev1.ContainerStatus{}, p.Status.InitContainerStatuses...), p.Status.ContainerStatuses...)
	for _, c := range statuses {
		r := &reason{pod: p.Name, container: c.Name}
		if waiting := c.State.Waiting; waiting != nil && hopeless[waiting.Reason] != "" {
			r.text = fmt.Sprintf("pod %s, container %s: %s: %s\n  %s", p.Name, c.Name, waiting.Reason,
				cmp.Or(waiting.Message, c.Image), hopeless[waiting.Reason])
			r.pod = ""
			return r
		}
		ended := cmp.Or(c.State.Terminated, c.LastTerminationState.Terminated)
		succeeded := c.State.Terminated != nil && ended.ExitCode == 0 // an init container's end
		if c.RestartCount < restartsMost || c.State.Running != nil || ended == nil || succeeded {
			continue
		}
		r.text = fmt.Sprintf("pod %s, container %s keeps ending (%d restarts): %s", p.Name, c.Name, c.RestartCount, exit(ended))
		r.previous = c.State.Terminated == nil
		return r
	}
	return nil
}

func exit(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", t.ExitCode)
	if t.Reason != "" && t.Reason != "Error" {
		text = fmt.Sprintf("%s, exit code %d", t.Reason, t.ExitCode)
	}
	if t.Message != "" {
		text += ": " + t.Message
	}
	return text
}

// unplaced says why and since when the scheduler has no node for a pod.
func unplaced(p corev1.Pod) (string, time.Time) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return c.Message, c.LastTransitionTime.Time
		}
	}
	return "", time.Time{}
}

// overdue says what is known of a workload that did not get ready in time.
func (s sight) overdue() string {
	text := fmt.Sprintf("%s: %d/%d ready", s.workload.id(), s.ready, s.workload.replicas)
	names := map[string]bool{s.workload.Name: true}
	for _, p := range s.pods {
		if !s.newest(p) {
			continue
		}
		names[p.Name] = true
		if why, _ := unplaced(p); why != "" {
			text += fmt.Sprintf("\n  pod %s finds no node: %s", p.Name, why)
		}
		for _, c := range p.Status.ContainerStatuses {
			if c.State.Waiting != nil && c.State.Waiting.Reason != "ContainerCreating" {
				text += fmt.Sprintf("\n  pod %s, container %s: %s %s", p.Name, c.Name, c.State.Waiting.Reason, c.State.Waiting.Message)
			}
		}
	}
	if s.stuck != "" {
		text += "\n  " + s.stuck
	}
	return text + warnings(s.events, names)
}

// warnings are the last events about the named objects, each text once.
func warnings(events []corev1.Event, names map[string]bool) string {
	about := slices.DeleteFunc(slices.Clone(events), func(e corev1.Event) bool { return !names[e.InvolvedObject.Name] })
	slices.SortStableFunc(about, func(a, b corev1.Event) int { return happened(b).Compare(happened(a)) })
	var said []string
	for _, e := range about {
		line := fmt.Sprintf("%s: %s", e.Reason, strings.TrimSpace(e.Message))
		if !slices.Contains(said, line) && len(said) < 3 {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "\n  " + strings.Join(said, "\n  ")
}

func happened(e corev1.Event) time.Time {
	if e.Series != nil {
		return e.Series.LastObservedTime.Time
	}
	if !e.LastTimestamp.IsZero() {
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

// seeDeployment and seeStatefulSet read a controller's status.
func seeDeployment(d *appsv1.Deployment) sight {
	s := sight{workload: ofDeployment(d)}
	want, st := s.workload.replicas, d.Status
	if st.ObservedGeneration < d.Generation {
		return s // what it says is about an older template
	}
	s.ready = min(st.UpdatedReplicas, st.AvailableReplicas)
	s.done = st.UpdatedReplicas == want && st.AvailableReplicas == want && st.Replicas == want
	for _, c := range st.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			s.stuck, s.since = c.Message, c.LastTransitionTime.Time
		}
		s.late = s.late || c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded"
	}
	return s
}

func seeStatefulSet(set *appsv1.StatefulSet, events []corev1.Event) sight {
	s := sight{workload: ofStatefulSet(set)}
	want, st := s.workload.replicas, set.Status
	if st.ObservedGeneration < set.Generation {
		return s
	}
	s.ready = min(st.UpdatedReplicas, st.ReadyReplicas)
	s.done = st.UpdatedReplicas == want && st.ReadyReplicas == want && st.Replicas == want
	for _, e := range events { // a StatefulSet has no condition for it
		about := e.InvolvedObject.Kind == "StatefulSet" && e.InvolvedObject.Name == set.Name
		if about && e.Reason == "FailedCreate" && st.Replicas < want {
			s.stuck, s.since = e.Message, first(e)
		}
	}
	return s
}

func first(e corev1.Event) time.Time {
	if !e.FirstTimestamp.IsZero() {
		return e.FirstTimestamp.Time
	}
	return e.EventTime.Time
}

// selects says whether a workload's selector takes a pod.
func (w workload) selects(p corev1.Pod) (bool, error) {
	sel, err := metav1.LabelSelectorAsSelector(w.selector)
	if err != nil {
		return false, fmt.Errorf("%s: read its selector: %w", w.id(), err)
	}
	return selector{w.id(), sel}.matches(p.Labels), nil
}
