package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errTimeout is the cause with which a context ends when a slot took too long.
var errTimeout error = timeoutError{}

// timeoutError is a deadline's end in plain words.
type timeoutError struct{}

func (timeoutError) Error() string        { return "it took too long" }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// logTail is how many lines of a log explain a crash.
const logTail = 10

// ended is the reason that a context ended for, else err.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func matches(expression, name string) bool {
	found, err := regexp.MatchString("^("+expression+")$", name)
	return err == nil && found // the expressions are podNames'
}

// wait waits until all workloads of a manifest are ready.
func (s *Slots) wait(ctx context.Context, manifest string, progress func(string)) error {
	objects, err := readObjects([]byte(manifest))
	if err != nil {
		return err
	}
	var names []string
	for _, o := range objects {
		if isWorkload(o) {
			names = append(names, id(o))
		}
	}
	return s.waitFor(ctx, names, progress)
}

// waitFor waits until workloads, each kind/name, are ready. It watches, and gives up as soon as one can't get ready.
func (s *Slots) waitFor(ctx context.Context, names []string, progress func(string)) error {
	changed := make(chan struct{}, 1)
	live, err := s.live(ctx, names)
	if err != nil {
		return err
	}
	watched, stop, err := s.watch(ctx, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	said := ""
	for {
		all, err := watched.see(live)
		if err != nil {
			return err
		}
		if line := s.line(all); line != said {
			said = line
			progress(line)
		}
		why, again, done := judge(all, time.Now())
		if why != nil {
			return s.explain(ctx, *why)
		}
		if done {
			return nil
		}
		if err := next(ctx, changed, again); err != nil {
			return fmt.Errorf("not ready within %s: %w\n  %s", s.Timeout, err, overdue(all))
		}
	}
}

// live reads the workloads as they are now: what a watch begins with may be older than the last write.
func (s *Slots) live(ctx context.Context, names []string) ([]sight, error) {
	var all []sight
	for _, workload := range names {
		kind, name := split(workload)
		var one sight
		if kind == "StatefulSet" {
			set, err := s.client.AppsV1().StatefulSets(s.namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return nil, fmt.Errorf("read statefulset %s/%s: %w", s.namespace, name, err)
			}
			one = seeStatefulSet(set, nil)
		} else {
			d, err := s.client.AppsV1().Deployments(s.namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return nil, fmt.Errorf("read deployment %s/%s: %w", s.namespace, name, err)
			}
			one = seeDeployment(d)
		}
		all = append(all, one)
	}
	return all, nil
}

// next waits for a change, or for the time to look again.
func next(ctx context.Context, changed <-chan struct{}, again time.Time) error {
	var due <-chan time.Time
	if !again.IsZero() {
		timer := time.NewTimer(time.Until(again))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-changed:
	case <-due:
	}
	return nil
}

// judge says why one of the workloads can't get ready, when to look again, or that all are.
func judge(all []sight, now time.Time) (why *reason, again time.Time, done bool) {
	done = true
	for _, one := range all {
		failed, due := one.state(now)
		if failed != nil {
			return failed, again, false
		}
		if !due.IsZero() && (again.IsZero() || due.Before(again)) {
			again = due
		}
		done = done && one.done
	}
	return nil, again, done
}

// line is the progress, with what keeps the rest from getting ready.
func (s *Slots) line(all []sight) string {
	_, detail, _ := strings.Cut(overdue(all), "\n")
	if detail == "" {
		return count(all)
	}
	return fmt.Sprintf("%s (up to %s): %s", count(all), s.Timeout, strings.Join(strings.Fields(detail), " "))
}

// count is the progress: 1/2 ready.
func count(all []sight) string {
	var ready, want int32
	for _, one := range all {
		ready, want = ready+min(one.ready, one.workload.replicas), want+one.workload.replicas
	}
	return fmt.Sprintf("%d/%d ready", ready, want)
}

func overdue(all []sight) string {
	var text []string
	for _, one := range all {
		if !one.done {
			text = append(text, one.overdue())
		}
	}
	return strings.Join(text, "\n  ")
}

// explain turns a reason into an error, with the end of the log that belongs to it.
func (s *Slots) explain(ctx context.Context, why reason) error {
	if why.pod == "" {
		return errors.New(why.text)
	}
	tail := int64(logTail)
	limit := int64(16 << 10)
	stream, err := s.client.CoreV1().Pods(s.namespace).GetLogs(why.pod, &corev1.PodLogOptions{
		Container: why.container, Previous: why.previous, TailLines: &tail, LimitBytes: &limit,
	}).Stream(ctx)
	if err != nil {
		return fmt.Errorf("%s\n  (its log can't be read: %w)", why.text, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil {
		return fmt.Errorf("%s\n  (its log can't be read: %w)", why.text, err)
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return fmt.Errorf("%s\n  it logged nothing", why.text)
	}
	return fmt.Errorf("%s\n  its last words:\n    %s", why.text, strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    "))
}
