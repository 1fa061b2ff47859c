package smoke

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// standing is how far a test's pod has come.
type standing struct {
	started  bool   // there is, or will be, a log
	ended    bool   // the command is over
	exit     int32  // its exit code
	note     string // what the kubelet says about the end: OOMKilled
	waiting  string // why it has not started
	hopeless string // why it never will
}

// failure says how the command failed, or nothing when it didn't.
func (s standing) failure() error {
	switch {
	case s.exit == 0:
		return nil
	case s.note != "":
		return fmt.Errorf("exit code %d (%s)", s.exit, s.note)
	default:
		return fmt.Errorf("exit code %d", s.exit)
	}
}

// stuck are the reasons for which a container waits in vain. A pull may be tried again by the kubelet, but a test that
// waits for that holds up a launch; its retries are the blueprint's to say.
var stuck = []string{
	"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
	"CreateContainerConfigError", "CreateContainerError", "RunContainerError",
}

// stand reads a pod's status.
func stand(pod *corev1.Pod) standing {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != container {
			continue
		}
		if end := c.State.Terminated; end != nil {
			s := standing{started: true, ended: true, exit: end.ExitCode}
			if end.Reason != "Completed" && end.Reason != "Error" {
				s.note = end.Reason
			}
			if end.Message != "" {
				s.note = joined(end.Reason, end.Message)
			}
			return s
		}
		if c.State.Running != nil {
			return standing{started: true}
		}
		if w := c.State.Waiting; w != nil && slices.Contains(stuck, w.Reason) {
			return standing{hopeless: fmt.Sprintf("image %q: %s", c.Image, joined(w.Reason, w.Message))}
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return standing{hopeless: joined(cmp.Or(pod.Status.Reason, "its pod failed"), pod.Status.Message)}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return standing{waiting: joined(c.Reason, c.Message)}
		}
	}
	return standing{waiting: "its container is not running yet"}
}

func joined(reason, message string) string {
	if reason == "" || message == "" {
		return reason + message
	}
	return reason + ": " + message
}
