package record_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"dro.dev/kubectl-dro/pkg/record"
)

// server keeps one object as an API server does: a write over anything but its latest version is a conflict. Some of its
// answers get lost.
type server struct {
	mu      sync.Mutex
	object  runtime.Object
	version int
	loses   func(write int) bool // a write that is done
	refuses error                // whoever asks
	writes  int                  // that were done
	tried   int                  // writes, done or not
}

func (s *server) serve(client *fake.Clientset, resource string) {
	client.PrependReactor("*", resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refuses != nil {
			return true, nil, s.refuses
		}
		write, is := a.(clienttesting.CreateAction) // an update has the same methods
		if !is {
			if s.object == nil {
				return true, nil, apierrors.NewNotFound(schema.GroupResource{Resource: resource}, "")
			}
			return true, s.object.DeepCopyObject(), nil
		}
		s.tried++
		object := write.GetObject().DeepCopyObject()
		m, err := meta.Accessor(object)
		if err != nil {
			return true, nil, err
		}
		if s.version > 0 && m.GetResourceVersion() != strconv.Itoa(s.version) {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: resource}, m.GetName(), errors.New("it has changed"))
		}
		s.version++
		m.SetResourceVersion(strconv.Itoa(s.version))
		s.object = object
		s.writes++
		if s.loses != nil && s.loses(s.writes) {
			return true, nil, context.DeadlineExceeded
		}
		return true, object.DeepCopyObject(), nil
	})
}

func TestALeaseOutlivesAnswersThatGetLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		s := &server{loses: func(write int) bool { return write > 1 && write%3 > 0 }}
		s.serve(client, "leases")
		l := lease(client, "ann")
		l.Term = 15 * time.Second
		if err := l.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		kept := make(chan error, 1)
		go func() { kept <- l.Keep(ctx) }()
		for range 20 {
			time.Sleep(7 * time.Second)
			if err := l.Confirm(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %d writes: %v", s.writes, err)
			}
		}
		s.mu.Lock()
		s.loses = nil
		s.mu.Unlock()
		cancel()
		if err := <-kept; err != nil {
			t.Errorf("its own writes took the lease away: %v", err)
		}
		if holder := s.object.(*coordinationv1.Lease).Spec.HolderIdentity; holder != nil {
			t.Errorf("it was not let go: %s has it", *holder)
		}
	})
}

func TestAnothersLeaseIsLostAllTheSame(t *testing.T) {
	for name, take := range map[string]func(*coordinationv1.LeaseSpec){
		"by another":         func(s *coordinationv1.LeaseSpec) { s.HolderIdentity = new(string) },
		"by one of its name": func(s *coordinationv1.LeaseSpec) { *s.LeaseTransitions++ },
	} {
		synctest.Test(t, func(t *testing.T) {
			client := fake.NewClientset()
			s := &server{}
			s.serve(client, "leases")
			l := lease(client, "ann")
			if err := l.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.version++
			taken := s.object.(*coordinationv1.Lease)
			taken.ResourceVersion = strconv.Itoa(s.version)
			take(&taken.Spec)
			if err := l.Keep(t.Context()); !apierrors.IsConflict(err) {
				t.Errorf("%s: %v", name, err)
			}
			tried := s.tried
			over, cancel := context.WithCancel(t.Context())
			cancel()
			if err := l.Keep(over); err != nil || s.tried > tried {
				t.Errorf("%s: it is let go all the same, in %d writes: %v", name, s.tried-tried, err)
			}
		})
	}
}

func TestCredentialsThatStayRefusedEndTheLease(t *testing.T) {
	for name, tc := range map[string]struct {
		refused time.Duration
		ends    bool
	}{
		"renewed in time":  {12 * time.Second, false},
		"never renewed":    {time.Hour, true},
		"and not accepted": {25 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := fake.NewClientset()
			s := &server{}
			s.serve(client, "leases")
			l := lease(client, "ann")
			l.Term = 15 * time.Second
			if err := l.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
			say := func(err error) func() {
				return func() { s.mu.Lock(); defer s.mu.Unlock(); s.refuses = err }
			}
			time.AfterFunc(time.Minute, say(apierrors.NewUnauthorized("the token has expired")))
			time.AfterFunc(time.Minute+tc.refused, say(nil))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			began := time.Now()
			err := l.Keep(ctx)
			var refused *record.RefusedError
			if errors.As(err, &refused) != tc.ends {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(began) - time.Minute; tc.ends && (took < l.Term || took > 2*l.Term) {
				t.Errorf("%s: it ended after %s", name, took)
			}
		})
	}
}

func TestARecordsOwnLateWriteIsNoOtherWriters(t *testing.T) {
	client := fake.NewClientset()
	store := record.Store{Secrets: client.CoreV1().Secrets("food-svc")}
	r := rolloutOf("food", "food-v2")
	s := &server{loses: func(write int) bool { return write%4 > 1 }}
	s.serve(client, "secrets")
	client.PrependReactor("list", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.SecretList{}, nil
	})
	if err := store.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		r.Traffic = n
		if err := store.Save(t.Context(), r); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("write %d: %v", s.writes, err)
		}
	}
	other := rolloutOf("food", "food-v2")
	other.Number, other.Traffic = r.Number, 77
	if err := store.Save(t.Context(), other); !apierrors.IsConflict(err) {
		t.Errorf("another's write: %v", err)
	}
}

// A follower hears a command whatever becomes of its watches, and does not ask more than once a second.
func TestFollowingGoesOnWhenWatchesEnd(t *testing.T) {
	closed := func() (watch.Interface, error) {
		w := watch.NewFake()
		w.Stop()
		return w, nil
	}
	for name, end := range map[string]func() (watch.Interface, error){
		"closed":             closed,
		"refused as too old": func() (watch.Interface, error) { return nil, apierrors.NewResourceExpired("compacted") },
		"ended by an error, compacted": func() (watch.Interface, error) {
			w := watch.NewFakeWithChanSize(1, false)
			w.Error(&metav1.Status{Code: 410, Reason: metav1.StatusReasonExpired})
			return w, nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, client := store(t)
			r := rolloutOf("food", "food-v2")
			if err := s.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			watches := 0
			client.PrependWatchReactor("secrets", func(clienttesting.Action) (bool, watch.Interface, error) {
				watches++
				w, err := end()
				return true, w, err
			})
			time.AfterFunc(20*time.Second, func() {
				if err := s.Send(t.Context(), r, record.Command{ID: "1", Verb: record.Abort}); err != nil {
					t.Error(err)
				}
			})
			began := time.Now()
			err := s.Follow(t.Context(), r, func(_ *record.Rollout, c *record.Command) bool { return c == nil })
			if took := time.Since(began); err != nil || took > 22*time.Second || watches > 22 {
				t.Errorf("%s: %v after %s and %d watches", name, err, took, watches)
			}
		})
	}
}

// An API server that says 409 though nobody wrote is in trouble; the rollout is nobody else's for that.
func TestAConflictWithNobodyIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		l := lease(client, "ann")
		l.Term = 15 * time.Second
		if err := l.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, r := record.Store{Secrets: client.CoreV1().Secrets("food-svc")}, rolloutOf("food", "food-v2")
		if err := s.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		conflicts := 0
		client.PrependReactor("update", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
			conflicts--
			return conflicts >= 0, nil, apierrors.NewConflict(a.GetResource().GroupResource(), "x", errors.New("bad weather"))
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conflicts = 3
		if err := l.Keep(ctx); err != nil || conflicts > 0 {
			t.Errorf("the lease: %v, %d conflicts left", err, conflicts)
		}
		conflicts = 3
		if err := s.Save(t.Context(), r); err != nil || conflicts > 0 {
			t.Errorf("the record: %v, %d conflicts left", err, conflicts)
		}
		conflicts = 1000
		if err := s.Save(t.Context(), r); !apierrors.IsInternalError(err) || conflicts < 990 {
			t.Errorf("the record: %v, %d conflicts left", err, conflicts)
		}
	})
}
