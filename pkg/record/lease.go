package record

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// Lease says who writes an app's rollout. Its epoch grows with each holder.
type Lease struct {
	Leases    coordinationv1client.LeaseInterface
	Namespace string
	App       string
	Holder    string        // who holds it, for people: user@host and process
	Term      time.Duration // a holder silent for this long has lost it

	mu      sync.Mutex // guards what follows
	held    *coordinationv1.Lease
	renewed time.Time // when the write was sent that the API server last took
}

// HeldError says that another process drives the app.
type HeldError struct{ Namespace, App, Holder string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is being rolled out by %s\n  see it: kubectl dro status %s -n %s", e.App, e.Holder, e.App, e.Namespace)
}

// Acquire takes the lease. A lease that another holds is watched for a term: if its holder stays silent it is taken
// over, else a *HeldError is returned. Clocks are not compared: only change that is seen counts as life.
func (l *Lease) Acquire(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, err := l.Leases.Get(ctx, l.name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		l.renewed = time.Now()
		l.held, err = l.Leases.Create(ctx, l.fresh(), metav1.CreateOptions{FieldManager: ManagedBy})
		if apierrors.IsAlreadyExists(err) {
			return l.taken(ctx)
		}
		return l.wrap("create", err)
	}
	if err != nil {
		return l.wrap("read", err)
	}
	if holder := value(found.Spec.HolderIdentity); holder != "" {
		alive, err := l.alive(ctx, found)
		if err != nil {
			return err
		}
		if alive {
			return &HeldError{Namespace: l.Namespace, App: l.App, Holder: holder}
		}
	}
	epoch := value(found.Spec.LeaseTransitions) + 1
	found.Spec = l.fresh().Spec
	found.Spec.LeaseTransitions = &epoch
	l.renewed = time.Now()
	l.held, err = l.Leases.Update(ctx, found, metav1.UpdateOptions{FieldManager: ManagedBy})
	if apierrors.IsConflict(err) {
		return l.taken(ctx)
	}
	return l.wrap("take", err)
}

// taken says who was a moment faster.
func (l *Lease) taken(ctx context.Context) error {
	holder, err := l.HeldBy(ctx)
	if err != nil {
		return err
	}
	return &HeldError{Namespace: l.Namespace, App: l.App, Holder: cmp.Or(holder, "another process that began this moment")}
}

// alive watches a held lease for one term and reports whether its holder showed a sign of life.
// A holder that lets go meanwhile counts as dead.
func (l *Lease) alive(ctx context.Context, found *coordinationv1.Lease) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Term)
	defer cancel()
	watch, err := l.Leases.Watch(ctx, metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector(metav1.ObjectNameField, l.name()).String(),
		ResourceVersion: found.ResourceVersion,
	})
	if err != nil {
		return false, l.wrap("watch", err)
	}
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case e, open := <-watch.ResultChan():
			now, isLease := e.Object.(*coordinationv1.Lease)
			if !open || !isLease || now.Name != l.name() {
				<-ctx.Done() // nothing more will be seen; the update's resourceVersion still guards
				return false, nil
			}
			if equality.Semantic.DeepEqual(now.Spec, found.Spec) {
				continue // a watch may begin with what is known
			}
			*found = *now
			return value(now.Spec.HolderIdentity) != "", nil
		}
	}
}

// Keep renews the lease three times a term until ctx ends, then lets it go. It returns early with an error when the lease
// is another's. That it can't be renewed for a while is none: whoever writes meanwhile asks Confirm.
func (l *Lease) Keep(ctx context.Context) error {
	tick := time.NewTicker(l.Term / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.release(context.WithoutCancel(ctx))
		case <-tick.C:
		}
		l.mu.Lock()
		err := l.renew(ctx)
		l.mu.Unlock()
		if lost(err) {
			return fmt.Errorf("lease %s/%s is lost: %w", l.Namespace, l.name(), err)
		}
	}
}

// Confirm returns once the lease is known to be held. It asks the API server only when a term has passed unrenewed: this
// process may have stood still, and another may have taken over. The error of a lease that is lost is a *LostError.
func (l *Lease) Confirm(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over() {
		return nil
	}
	err := l.renew(ctx)
	if lost(err) {
		return &LostError{err}
	}
	return l.wrap("renew", err)
}

// LostError says that the lease is another's.
type LostError struct{ Cause error }

func (e *LostError) Error() string { return "the lease is another's: " + e.Cause.Error() }
func (e *LostError) Unwrap() error { return e.Cause }

func lost(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }

// over says whether a term has passed since the last renewal. The clock that a process is measured with may stand still
// while a machine sleeps, so the one on the wall is asked as well.
func (l *Lease) over() bool {
	return max(time.Since(l.renewed), time.Since(l.renewed.Round(0))) > l.Term
}

// renew is called with mu held.
func (l *Lease) renew(ctx context.Context) error {
	sent := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.Term/3)
	defer cancel()
	next := l.held.DeepCopy()
	next.Spec.RenewTime = now()
	written, err := l.Leases.Update(ctx, next, metav1.UpdateOptions{FieldManager: ManagedBy})
	if err != nil {
		return err
	}
	l.held, l.renewed = written, sent
	return nil
}

func (l *Lease) release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.Term/3)
	defer cancel()
	l.held.Spec.HolderIdentity = nil
	_, err := l.Leases.Update(ctx, l.held, metav1.UpdateOptions{FieldManager: ManagedBy})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // it is another's already
	}
	return l.wrap("let go", err)
}

func (l *Lease) fresh() *coordinationv1.Lease {
	seconds, epoch := int32(l.Term.Seconds()), int32(1)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name:      l.name(),
			Namespace: l.Namespace,
			Labels:    map[string]string{LabelManagedBy: ManagedBy, LabelApp: l.App},
		},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity:       &l.Holder,
			LeaseDurationSeconds: &seconds,
			LeaseTransitions:     &epoch,
			AcquireTime:          now(),
			RenewTime:            now(),
		},
	}
}

func (l *Lease) name() string { return "dro-" + l.App }

func (l *Lease) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s lease %s/%s: %w", doing, l.Namespace, l.name(), err)
}

func now() *metav1.MicroTime { t := metav1.NowMicro(); return &t }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// HeldBy says who holds the lease; nobody does when it is empty or there is none.
func (l *Lease) HeldBy(ctx context.Context) (string, error) {
	found, err := l.Leases.Get(ctx, l.name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", l.wrap("read", err)
	}
	return value(found.Spec.HolderIdentity), nil
}
