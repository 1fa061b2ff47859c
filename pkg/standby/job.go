package standby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"dro.dev/kubectl-dro/pkg/record"
)

// Job is one rollout's standby.
type Job struct {
	Client    kubernetes.Interface
	Records   record.Store
	Namespace string
	Rollout   *record.Rollout
	Image     string              // this program's
	Rules     []rbacv1.PolicyRule // what it takes to go on with the rollout
}

func (j *Job) name() string { return Name(j.Rollout.App, j.Rollout.Number) }

// Place makes the standby, unless it is there, and waits until it has proven itself: its pod runs, and the API server
// would take its writes. When it can't, everything that was made for it is removed again.
func (j *Job) Place(ctx context.Context, progress func(string)) error {
	err := j.make(ctx)
	if err == nil {
		progress("waiting for the standby to prove itself")
		err = j.proven(ctx)
	}
	if err == nil {
		return nil
	}
	tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, j.Remove(tidying))
}

// Remove takes the standby away.
func (j *Job) Remove(ctx context.Context) error { return Remove(ctx, j.Client, j.Namespace, j.name()) }

// Remove takes a standby away whose objects have that name. Everything of it is owned by its ServiceAccount and goes with
// that, so that the standby itself can do this as its last act. It is fine with one that is gone.
func Remove(ctx context.Context, client kubernetes.Interface, namespace, name string) error {
	background := metav1.DeletePropagationBackground
	err := client.CoreV1().ServiceAccounts(namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove serviceaccount %s/%s, which owns the standby: %w", namespace, name, err)
	}
	return nil
}

func (j *Job) make(ctx context.Context) error {
	owner, err := j.Client.CoreV1().ServiceAccounts(j.Namespace).Create(ctx, j.account(), written())
	if apierrors.IsAlreadyExists(err) {
		owner, err = j.Client.CoreV1().ServiceAccounts(j.Namespace).Get(ctx, j.name(), metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("make serviceaccount %s/%s: %w", j.Namespace, j.name(), err)
	}
	for _, object := range []struct { // the Job last: its process needs the others
		kind string
		make func() error
	}{
		{"role", func() error {
			_, err := j.Client.RbacV1().Roles(j.Namespace).Create(ctx, j.role(owner), written())
			return err
		}},
		{"rolebinding", func() error {
			_, err := j.Client.RbacV1().RoleBindings(j.Namespace).Create(ctx, j.binding(owner), written())
			return err
		}},
		{"job", func() error {
			_, err := j.Client.BatchV1().Jobs(j.Namespace).Create(ctx, j.job(owner), written())
			return err
		}},
	} {
		if err := object.make(); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("make %s %s/%s: %w", object.kind, j.Namespace, j.name(), err)
		}
	}
	return nil
}

func written() metav1.CreateOptions { return metav1.CreateOptions{FieldManager: record.ManagedBy} }

// proven waits for the standby's word on the record, and sees from its pod when there is none to be had.
func (j *Job) proven(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if err := j.hopeless(ctx); err != nil {
			cancel(err)
		}
	}()
	var said *record.Proof
	err := j.Records.Follow(ctx, j.Rollout, func(now *record.Rollout, _ *record.Command) bool {
		proof, err := now.Proof()
		if err != nil {
			cancel(err)
			return false
		}
		said = proof
		return said == nil
	})
	switch {
	case said != nil && said.Problem != "":
		return fmt.Errorf("pod %s/%s could not go on with the rollout: %s", j.Namespace, said.Pod, said.Problem)
	case said != nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// hopeless watches the standby's pod and returns why it will never run, or nil when ctx ends.
func (j *Job) hopeless(ctx context.Context) error {
	pods := j.Client.CoreV1().Pods(j.Namespace)
	chosen := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(metav1.SetAsLabelSelector(j.meta().Labels))}
	for ctx.Err() == nil {
		list, err := pods.List(ctx, chosen)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		for i := range list.Items {
			if err := stuck(&list.Items[i]); err != nil {
				return err
			}
		}
		from := chosen
		from.ResourceVersion = list.ResourceVersion
		w, err := pods.Watch(ctx, from)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		err = until(ctx, w)
		w.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// until reads a watch until it shows a pod that is stuck, or ends.
func until(ctx context.Context, w watch.Interface) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, open := <-w.ResultChan():
			pod, isPod := e.Object.(*corev1.Pod)
			if !open || !isPod {
				return nil
			}
			if err := stuck(pod); err != nil {
				return err
			}
		}
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("see the standby's pod: %w", err)
}

// stuck says why a pod does not run and, as far as the kubelet can tell, won't.
func stuck(pod *corev1.Pod) error {
	hopeless := []string{
		"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
		"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff",
	}
	for _, c := range pod.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && slices.Contains(hopeless, w.Reason) {
			hint := "name an image that the cluster can pull: --standby-image, or standbyImage in configmap dro-config"
			if w.Reason == "CrashLoopBackOff" {
				hint = "its image must be this program's own: --standby-image, or standbyImage in configmap dro-config"
			}
			return fmt.Errorf("pod %s/%s does not run: %s: %s\n  %s", pod.Namespace, pod.Name, w.Reason, w.Message, hint)
		}
	}
	return nil
}
