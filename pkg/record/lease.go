package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// Lease says who writes an app's rollout. Its epoch grows with each holder.
type Lease struct {
	Leases    coordinationv1client.LeaseInterface
	Namespace string
	App       string
	Holder    string        // who holds it, for people: user@host and process
	Term      time.Duration // a holder silent for this long has lost it

	writing sync.Mutex // one write at a time; guards held and gone
	held    *coordinationv1.Lease
	gone    error // how it was found to be another's: it is not written again

	mu      sync.Mutex // guards renewed, so that who asks for it need not wait for a slow write
	renewed time.Time  // when the write was sent that the API server last took
}

// HeldError says that another process drives the app.
type HeldError struct{ Namespace, App, Holder string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is being rolled out by %s\n  see it: kubectl dro status %s -n %s", e.App, e.Holder, e.App, e.Namespace)
}

// Acquire takes the lease. A lease that another holds is watched for a term: if its holder stays silent it is taken
// over, else a *HeldError is returned. Clocks are not compared: only change that is seen counts as life.
func (l *Lease) Acquire(ctx context.Context) error {
	last, alive, err := l.abandoned(ctx, false)
	if err != nil {
		return err
	}
	if alive {
		return &HeldError{Namespace: l.Namespace, App: l.App, Holder: value(last.Spec.HolderIdentity)}
	}
	return l.take(ctx, last)
}

// Succeed waits until the lease's holder lets it go or falls silent for a term, and takes it then. Leave is told who fell
// silent (nobody: it was let go) and says whether there is nothing to go on with: the lease is left alone then, and
// taken is false.
func (l *Lease) Succeed(ctx context.Context, leave func(silent string) (bool, error)) (taken bool, err error) {
	for {
		last, _, err := l.abandoned(ctx, true)
		if err != nil {
			return false, err
		}
		silent := ""
		if last != nil {
			silent = value(last.Spec.HolderIdentity)
		}
		if left, err := leave(silent); err != nil || left {
			return false, err
		}
		err = l.take(ctx, last)
		var held *HeldError
		if !errors.As(err, &held) {
			return err == nil, err
		}
	}
}

// take writes this process over the holder that was seen last; nil: there was no lease.
func (l *Lease) take(ctx context.Context, last *coordinationv1.Lease) (err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.gone = nil
	l.sent(time.Now())
	if last == nil {
		l.held, err = l.Leases.Create(ctx, l.fresh(), metav1.CreateOptions{FieldManager: ManagedBy})
	} else {
		next, epoch := last.DeepCopy(), value(last.Spec.LeaseTransitions)+1
		next.Spec = l.fresh().Spec
		next.Spec.LeaseTransitions = &epoch
		l.held, err = l.Leases.Update(ctx, next, metav1.UpdateOptions{FieldManager: ManagedBy})
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		holder, err := l.HeldBy(ctx)
		if err != nil {
			return err
		}
		return &HeldError{Namespace: l.Namespace, App: l.App, Holder: cmp.Or(holder, "another process that began this moment")}
	}
	return l.wrap("take", err)
}

// abandoned watches the lease until its holder lets it go or has shown no sign of life for a term. Patient, it outlasts
// every sign of life and every trouble with the watch; otherwise it ends with the first. Last is what was seen last, nil
// when there is no lease.
func (l *Lease) abandoned(ctx context.Context, patient bool) (last *coordinationv1.Lease, alive bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	silence := time.NewTimer(l.Term)
	defer silence.Stop()
	first := true
	for seen := l.follow(ctx); ; {
		select {
		case <-silence.C:
			return last, false, nil
		case now, open := <-seen:
			switch {
			case !open:
				return last, false, l.wrap("watch", context.Cause(ctx))
			case now.err != nil && !patient:
				return last, false, now.err
			case now.err != nil:
				silence.Reset(l.Term) // who can't see can't tell silence
				continue
			case now.lease == nil || value(now.lease.Spec.HolderIdentity) == "":
				return now.lease, false, nil
			}
			changed := last == nil || !equality.Semantic.DeepEqual(now.lease.Spec, last.Spec)
			last = now.lease
			if changed && !first && !patient {
				return last, true, nil
			}
			if changed || now.first {
				silence.Reset(l.Term)
			}
			first = false
		}
	}
}

// sight is the lease at one moment.
type sight struct {
	lease *coordinationv1.Lease // nil: there is none
	first bool                  // of a watch: what happened just before was not seen
	err   error
}

// follow tells of the lease now and whenever it changes, until ctx ends. A watch that ends is begun anew.
func (l *Lease) follow(ctx context.Context) <-chan sight {
	seen := make(chan sight)
	tell := func(s sight) {
		select {
		case seen <- s:
		case <-ctx.Done():
		}
	}
	go func() {
		defer close(seen)
		for ctx.Err() == nil {
			if err := l.followOnce(ctx, tell); err != nil && ctx.Err() == nil {
				tell(sight{err: err})
				select {
				case <-ctx.Done():
				case <-time.After(time.Second): // between tries, not to crowd a server in trouble
				}
			}
		}
	}()
	return seen
}

// followOnce is one watch. That it ended is no error.
func (l *Lease) followOnce(ctx context.Context, tell func(sight)) error {
	found, err := l.Leases.Get(ctx, l.Name(), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return l.wrap("read", err)
	}
	if err != nil {
		tell(sight{first: true})
		return nil
	}
	tell(sight{lease: found, first: true})
	w, err := l.Leases.Watch(ctx, metav1.ListOptions{
		FieldSelector:   fields.OneTermEqualSelector(metav1.ObjectNameField, l.Name()).String(),
		ResourceVersion: found.ResourceVersion,
	})
	if err != nil {
		return l.wrap("watch", err)
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, open := <-w.ResultChan():
			now, isLease := e.Object.(*coordinationv1.Lease)
			switch {
			case !open || !isLease:
				return nil
			case now.Name == l.Name() && e.Type == watch.Deleted:
				tell(sight{})
			case now.Name == l.Name():
				tell(sight{lease: now})
			}
		}
	}
}

// Keep renews the lease three times a term until ctx ends, then lets it go. It returns early with an error when the lease
// is another's, and with a *RefusedError when the API server no longer accepts this process. That the lease can't be
// renewed otherwise for a while is no error: whoever writes meanwhile asks Confirm.
func (l *Lease) Keep(ctx context.Context) error {
	tick := time.NewTicker(l.Term / 3)
	defer tick.Stop()
	var refused time.Time // since when the credentials are
	for {
		select {
		case <-ctx.Done():
			return l.release(context.WithoutCancel(ctx))
		case <-tick.C:
		}
		err := l.renew(ctx)
		if !apierrors.IsUnauthorized(err) {
			refused = time.Time{}
		} else if refused.IsZero() {
			refused = time.Now()
		}
		switch {
		case lost(err):
			return fmt.Errorf("lease %s/%s is lost: %w", l.Namespace, l.Name(), err)
		case !refused.IsZero() && time.Since(refused) >= l.Term && l.over():
			return &RefusedError{For: time.Since(refused), Cause: err}
		}
	}
}

// RefusedError says that the API server has not accepted this process's credentials for longer than its lease lasts.
// Another may have taken over since; this process can't know.
type RefusedError struct {
	For   time.Duration
	Cause error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the cluster has not accepted these credentials for %s: %v", e.For.Round(time.Second), e.Cause)
}
func (e *RefusedError) Unwrap() error { return e.Cause }

// Confirm returns once the lease is known to be held. It asks the API server only when a term has passed unrenewed: this
// process may have stood still, and another may have taken over. The error of a lease that is lost is a *LostError.
func (l *Lease) Confirm(ctx context.Context) error {
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
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(time.Since(l.renewed), time.Since(l.renewed.Round(0))) > l.Term
}

func (l *Lease) sent(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = at
}

// renew may take most of a term: a slow API server has three of them.
func (l *Lease) renew(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.Term*2/3)
	defer cancel()
	sent, err := l.write(ctx, func(s *coordinationv1.LeaseSpec) { s.RenewTime = now() })
	if err == nil {
		l.sent(sent)
	}
	return err
}

func (l *Lease) release(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.Term*2/3)
	defer cancel()
	_, err := l.write(ctx, func(s *coordinationv1.LeaseSpec) { s.HolderIdentity = nil })
	if lost(err) {
		return nil // it is another's already
	}
	return l.wrap("let go", err)
}

// write changes the held lease and says when that was sent. A conflict may be with a write of this process whose answer
// came too late to be heard: as long as holder and epoch are its own, the lease is too.
func (l *Lease) write(ctx context.Context, change func(*coordinationv1.LeaseSpec)) (sent time.Time, err error) {
	for l.gone == nil {
		sent = time.Now()
		next := l.held.DeepCopy()
		change(&next.Spec)
		written, err := l.Leases.Update(ctx, next, metav1.UpdateOptions{FieldManager: ManagedBy})
		if err == nil {
			l.held = written
			return sent, nil
		}
		if apierrors.IsNotFound(err) {
			l.gone = err
		}
		if !apierrors.IsConflict(err) {
			return sent, err
		}
		found, readErr := l.Leases.Get(ctx, l.Name(), metav1.GetOptions{})
		if readErr != nil {
			return sent, readErr // what the conflict means is not known
		}
		if value(found.Spec.HolderIdentity) != l.Holder || value(found.Spec.LeaseTransitions) != value(l.held.Spec.LeaseTransitions) {
			l.gone = err
			return sent, err
		}
		l.held = found
		select {
		case <-ctx.Done():
			return sent, context.Cause(ctx)
		case <-time.After(l.Term / 100):
		}
	}
	return sent, l.gone
}

func (l *Lease) fresh() *coordinationv1.Lease {
	seconds, epoch := int32(l.Term.Seconds()), int32(1)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name:      l.Name(),
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

// Name is the Lease object's.
func (l *Lease) Name() string { return "dro-" + l.App }

func (l *Lease) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s lease %s/%s: %w", doing, l.Namespace, l.Name(), err)
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
	holder, _, err := l.Seen(ctx)
	return holder, err
}

// Seen says who holds the lease, and when they last showed a sign of life, by their own clock.
func (l *Lease) Seen(ctx context.Context) (holder string, renewed time.Time, err error) {
	found, err := l.Leases.Get(ctx, l.Name(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, l.wrap("read", err)
	}
	return value(found.Spec.HolderIdentity), value(found.Spec.RenewTime).Time, nil
}
