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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// errTimeout is the cause with which a context ends when a slot took too long.
var errTimeout = errors.New("it took too long")

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
		if line := count(all); line != said {
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
			return fmt.Errorf("not ready: %w\n  %s", err, overdue(all))
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

// watched is the part of the namespace that tells how workloads fare.
type watched struct {
	namespace string
	apps      informers.SharedInformerFactory
	events    cache.SharedIndexInformer
}

// watch follows workloads, pods and warnings; changed is called after each change.
func (s *Slots) watch(ctx context.Context, changed func()) (watched, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	apps := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.namespace))
	warned := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("type", corev1.EventTypeWarning).String()
		}))
	stop := func() {
		cancel()
		apps.Shutdown()
		warned.Shutdown()
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	}
	w := watched{s.namespace, apps, warned.Core().V1().Events().Informer()}
	informers := []cache.SharedIndexInformer{
		apps.Apps().V1().Deployments().Informer(), apps.Apps().V1().StatefulSets().Informer(),
		apps.Core().V1().Pods().Informer(), w.events,
	}
	var failed error
	for _, informer := range informers {
		_, err := informer.AddEventHandler(handler)
		// Without permission to watch there would be nothing to see until the time is up.
		failed = errors.Join(failed, err, informer.SetWatchErrorHandlerWithContext(
			func(_ context.Context, _ *cache.Reflector, err error) {
				if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
					cancel()
				}
			}))
	}
	if failed != nil {
		stop()
		return w, nil, fmt.Errorf("watch %s: %w", s.namespace, failed)
	}
	apps.Start(ctx.Done())
	warned.Start(ctx.Done())
	for _, informer := range informers {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			stop()
			return w, nil, fmt.Errorf("watch workloads, pods and events in %s: %w", s.namespace, ended(ctx, context.Canceled))
		}
	}
	return w, stop, nil
}

// see collects what there is to see of workloads, given how they were when the watch began.
func (w watched) see(live []sight) ([]sight, error) {
	pods, err := w.apps.Core().V1().Pods().Lister().Pods(w.namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var events []corev1.Event
	for _, e := range w.events.GetStore().List() {
		events = append(events, *e.(*corev1.Event))
	}
	var all []sight
	for _, before := range live {
		one, err := w.one(before.workload, events)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("%s: %w", before.workload.id(), err)
		}
		if err != nil || one.workload.Generation < before.workload.Generation {
			one = sight{workload: before.workload} // not in the watch yet
		}
		one.events = events
		for _, p := range pods {
			selected, err := one.workload.selects(*p)
			if err != nil {
				return nil, err
			}
			if selected {
				one.pods = append(one.pods, *p)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func (w watched) one(of workload, events []corev1.Event) (sight, error) {
	if of.kind == "StatefulSet" {
		set, err := w.apps.Apps().V1().StatefulSets().Lister().StatefulSets(w.namespace).Get(of.Name)
		if err != nil {
			return sight{}, err
		}
		return seeStatefulSet(set, events), nil
	}
	d, err := w.apps.Apps().V1().Deployments().Lister().Deployments(w.namespace).Get(of.Name)
	if err != nil {
		return sight{}, err
	}
	return seeDeployment(d), nil
}
