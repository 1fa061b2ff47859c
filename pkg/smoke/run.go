package smoke

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// tidyTime limits what is done after a test: its context may be over by then.
const tidyTime = 10 * time.Second

// Runner runs tests in one namespace for one rollout.
type Runner struct {
	Client    kubernetes.Interface
	Namespace string
	Image     string // for tests that name none; default DefaultImage
	App       string
	Rollout   string
}

// Result is how a test's last try ended.
type Result struct {
	Tries    int           `json:"tries"`
	ExitCode int32         `json:"exitCode"` // -1: the command was not run or did not finish
	Took     time.Duration `json:"took"`     // the last try, waiting for its pod included
	Log      string        `json:"log"`      // the end of the last try's log, untrusted text
}

var (
	errTimeout  = errors.New("the test's time is over")
	errHopeless = errors.New("did not run") // another try would end the same way
)

// Run runs the test until a try passes or its retries are used up, and gives each line of its log, untrusted text, as
// it comes. The error is nil only when a try's command ended with 0. It leaves nothing in the cluster.
func (r *Runner) Run(ctx context.Context, t blueprint.Test, hosts []Host, env map[string]string, log func(line string)) (Result, error) {
	if t.Cmd == "" {
		return Result{ExitCode: -1}, fmt.Errorf("test %s: it has no cmd to run", t.Name)
	}
	for n := 1; ; n++ {
		job := r.job(jobName(r.Rollout, t.Name, rand.Text()), t, hosts, env)
		result, err := r.try(ctx, job, timeout(t), log)
		result.Tries = n
		switch {
		case err == nil:
			return result, nil
		case ctx.Err() != nil:
			return result, fmt.Errorf("test %s: stopped: %w", t.Name, context.Cause(ctx))
		case n > t.Retries || errors.Is(err, errHopeless):
			return result, fmt.Errorf("test %s: try %d of %d: %w", t.Name, n, t.Retries+1, err)
		}
		log(fmt.Sprintf("try %d of %d: %v", n, t.Retries+1, err))
	}
}

// try runs one Job to its end and removes it.
func (r *Runner) try(ctx context.Context, job *batchv1.Job, limit time.Duration, log func(string)) (Result, error) {
	began, kept := time.Now(), &tail{}
	hear := func(line string) {
		kept.add(line)
		log(line)
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	job, err := r.Client.BatchV1().Jobs(r.Namespace).Create(limited, job, metav1.CreateOptions{})
	if err != nil {
		return Result{ExitCode: -1}, fmt.Errorf("%w: create its job: %w", errHopeless, err)
	}
	exit, err := r.await(limited, job, hear)
	if exit < 0 && errors.Is(context.Cause(limited), errTimeout) {
		err = fmt.Errorf("not over after %s: %w", limit, err)
	}
	if last := kept.last(); err != nil && last != "" {
		err = fmt.Errorf("%w; its last line: %s", err, last)
	}
	if left := r.remove(ctx, job.Name); left != nil { // the verdict stands; Clean and the Job's own end come after it
		log(left.Error())
	}
	return Result{ExitCode: exit, Took: time.Since(began), Log: kept.String()}, err
}

// await follows the Job's pod until its command is over and hands its log on as it comes. It returns the exit code, or
// -1 and why there is none.
func (r *Runner) await(ctx context.Context, job *batchv1.Job, hear func(string)) (int32, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	pods := r.pods(watching, batchv1.JobNameLabel+"="+job.Name)
	var pod *corev1.Pod
	var out *stream
	var live chan string // out's lines while there are any
	for {
		select {
		case line, open := <-live:
			if !open {
				live = nil
				continue
			}
			hear(line)
		case err := <-pods.refused:
			return -1, fmt.Errorf("%w: see its pod: %w", errHopeless, err)
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), errTimeout) {
				return -1, context.Cause(ctx)
			}
			stop()
			r.rest(ctx, pod, out, hear)
			return -1, r.late(ctx, job, pod)
		case <-pods.changed:
			latest := pods.newest()
			if latest == nil && pod != nil {
				return -1, errors.New("its pod was deleted while it ran")
			}
			if pod = latest; pod == nil {
				continue
			}
			s := stand(pod)
			if s.hopeless != "" {
				return -1, fmt.Errorf("%w: %s", errHopeless, s.hopeless)
			}
			if s.started && out == nil {
				out = r.follow(watching, pod.Name)
				live = out.lines
			}
			if s.ended {
				r.rest(ctx, pod, out, hear)
				return s.exit, s.failure()
			}
		}
	}
}

// late says why a try that ran out of time did not end.
func (r *Runner) late(ctx context.Context, job *batchv1.Job, pod *corev1.Pod) error {
	if pod == nil {
		return fmt.Errorf("no pod was made for it%s", r.troubles(ctx, string(job.UID)))
	}
	if s := stand(pod); !s.started {
		return fmt.Errorf("%s%s", s.waiting, r.troubles(ctx, string(pod.UID)))
	}
	return errors.New("its command was still running")
}

// troubles are the warnings that the cluster has about an object: a quota, a policy, a volume.
func (r *Runner) troubles(ctx context.Context, uid string) string {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	events, err := r.Client.CoreV1().Events(r.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.SelectorFromSet(fields.Set{"involvedObject.uid": uid, "type": corev1.EventTypeWarning}).String(),
	})
	if err != nil {
		return fmt.Sprintf(" (its events can't be read: %v)", err)
	}
	var text string
	for _, e := range events.Items {
		if string(e.InvolvedObject.UID) == uid && !strings.Contains(text, e.Message) {
			text += "\n  " + joined(e.Reason, e.Message)
		}
	}
	return text
}

// remove deletes a Job and its pods, with a few tries. It runs when the test's context is over, too.
func (r *Runner) remove(ctx context.Context, name string) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	mayPass := func(err error) bool {
		return !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) && ctx.Err() == nil
	}
	err := retry.OnError(retry.DefaultBackoff, mayPass, func() error {
		return r.Client.BatchV1().Jobs(r.Namespace).Delete(ctx, name,
			metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)})
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove job %s/%s: %w", r.Namespace, name, err)
	}
	return nil
}

// afterwards is a context for what must be done even when ctx is over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
}
