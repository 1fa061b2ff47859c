package traffic

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

// atOnce is how many reads and watches are under way at the same time.
const atOnce = 10

// session is the requests of one move. It holds what it last saw of each object, so that a shift is one read and one
// write, also for a route with several components.
type session struct {
	client dynamic.Interface
	dryRun []string
	mu     sync.Mutex
	held   map[key]answer
}

// key names an object.
type key struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

// answer is what the API server said of an object.
type answer struct {
	object *unstructured.Unstructured
	err    error
}

func (m *Mover) session() *session {
	s := &session{client: m.Client, held: map[key]answer{}}
	if m.DryRun {
		s.dryRun = []string{metav1.DryRunAll}
	}
	return s
}

func (r Route) key() key { return key{r.Row.GVR(), r.Namespace, r.Name} }

func (s *session) objects(k key) dynamic.ResourceInterface {
	return s.client.Resource(k.resource).Namespace(k.namespace)
}

// readAhead reads all that a move of these routes begins with, side by side. What can't be read is told when it is needed.
func (s *session) readAhead(ctx context.Context, routes []Route) {
	var wanted []key
	seen := map[key]bool{}
	for _, r := range routes {
		for _, k := range r.Row.form().reads(r) {
			if !seen[k] {
				seen[k] = true
				wanted = append(wanted, k)
			}
		}
	}
	sideBySide(wanted, func(_ int, k key) {
		object, err := s.objects(k).Get(ctx, k.name, metav1.GetOptions{})
		s.hold(k, answer{object, err})
	})
}

// sideBySide does something for all, a few at a time, and returns when that is done.
func sideBySide[T any](all []T, do func(i int, one T)) {
	var wait sync.WaitGroup
	slot := make(chan struct{}, atOnce)
	for i, one := range all {
		slot <- struct{}{}
		wait.Go(func() {
			defer func() { <-slot }()
			do(i, one)
		})
	}
	wait.Wait()
}

func (s *session) hold(k key, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[k] = a
}

// seen is what is held of an object; it is read when nothing is.
func (s *session) seen(ctx context.Context, k key) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	a, ok := s.held[k]
	s.mu.Unlock()
	if !ok {
		a.object, a.err = s.objects(k).Get(ctx, k.name, metav1.GetOptions{})
		s.hold(k, a)
	}
	return a.object, a.err
}

// forget makes the next look at an object a new read.
func (s *session) forget(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, k)
}

// conflicts is how another writer is given way to: eight tries in about two seconds.
var conflicts = wait.Backoff{Duration: 10 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 8}

// write works out the change to an object and writes it. When someone else wrote between, it looks again.
// It returns the object that the change was made to.
func (s *session) write(ctx context.Context, k key, what fmt.Stringer, change func(map[string]any) ([]op, error)) (map[string]any, error) {
	pause, tried, refused := conflicts, "", error(nil)
	for {
		object, err := s.seen(ctx, k)
		if err != nil {
			s.forget(k)
			return nil, fmt.Errorf("%s: read it: %w", what, err)
		}
		version := object.GetResourceVersion()
		if refused != nil && version == tried { // nobody wrote between, so it was not for that
			return nil, refused
		}
		ops, err := change(object.Object)
		if err != nil {
			return nil, err
		}
		if len(ops) == 0 {
			return object.Object, nil
		}
		if err = s.patch(ctx, k, what, version, ops); err == nil {
			return object.Object, nil
		}
		s.forget(k)
		if !contested(err) || pause.Steps == 0 {
			return nil, err
		}
		tried, refused = version, err
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", refused, ctx.Err())
		case <-time.After(pause.Step()):
		}
	}
}

// contested tells whether someone else may have written first. The API server answers a failed test of a JSON patch
// with 422, as it does for content it doesn't accept; only a fresh read tells these apart.
func contested(err error) bool { return apierrors.IsConflict(err) || apierrors.IsInvalid(err) }

func (s *session) patch(ctx context.Context, k key, what fmt.Stringer, version string, ops []op) error {
	data, err := patch(ops, version)
	if err != nil {
		return fmt.Errorf("%s: make the patch: %w", what, err)
	}
	// Strict, as a field that the API server doesn't know would be dropped, and the shift with it.
	after, err := s.objects(k).Patch(ctx, k.name, types.JSONPatchType, data,
		metav1.PatchOptions{FieldManager: owner, FieldValidation: metav1.FieldValidationStrict, DryRun: s.dryRun})
	if err != nil {
		return fmt.Errorf("%s: write it: %w", what, err)
	}
	s.hold(k, answer{object: after})
	return nil
}

// create makes an object beside the route's.
func (s *session) create(ctx context.Context, k key, object map[string]any) error {
	made, err := s.objects(k).Create(ctx, &unstructured.Unstructured{Object: object},
		metav1.CreateOptions{FieldManager: owner, FieldValidation: metav1.FieldValidationStrict, DryRun: s.dryRun})
	if err == nil {
		s.hold(k, answer{object: made})
	}
	return err
}

// remove deletes the very object that was read. It is fine with one that is gone.
func (s *session) remove(ctx context.Context, k key, seen *unstructured.Unstructured) error {
	uid := seen.GetUID()
	err := s.objects(k).Delete(ctx, k.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, DryRun: s.dryRun})
	s.forget(k)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// handBack gives the fields that dro wrote back to the field managers that had them at the launch. It takes a write of
// its own: the API server makes whoever changes a field its owner, and only a write that changes no field leaves
// metadata.managedFields as it is sent.
func (s *session) handBack(ctx context.Context, r Route) error {
	original, err := r.object()
	if err != nil {
		return err
	}
	was := (&unstructured.Unstructured{Object: original}).GetManagedFields()
	_, err = s.write(ctx, r.key(), r, func(object map[string]any) ([]op, error) {
		now := (&unstructured.Unstructured{Object: object}).GetManagedFields()
		owners, err := handedBack(now, was)
		if err != nil || len(owners) == 0 {
			return nil, err // an empty list would tell the API server to forget every owner
		}
		return []op{{op: "replace", way: steps{"metadata", "managedFields"}, value: owners}}, nil
	})
	return err
}
