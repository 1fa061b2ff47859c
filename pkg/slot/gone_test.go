package slot

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Pods that take long to end are waited for, but not for ever: they end by themselves. What ends the whole operation counts.
func TestPodsThatTakeLongToEndAreLeftToIt(t *testing.T) {
	stop := errors.New("interrupted")
	for name, tc := range map[string]struct {
		ends, stops time.Duration // after which the pod has ended, and after which the operation does; 0: never
		want        error
		took        time.Duration
	}{
		"they end":          {20 * time.Second, 0, nil, 20 * time.Second},
		"they take longer":  {0, 0, nil, leaving},
		"it is interrupted": {0, 10 * time.Second, stop, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newCluster().slots(blueprint.Blueprint{})
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "food-blue-1", Namespace: "shop", Labels: s.marks("blue")}}
			if _, err := s.client.CoreV1().Pods("shop").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if tc.ends > 0 {
				time.AfterFunc(tc.ends, func() { _ = s.client.CoreV1().Pods("shop").Delete(t.Context(), pod.Name, metav1.DeleteOptions{}) })
			}
			if tc.stops > 0 {
				time.AfterFunc(tc.stops, func() { cancel(stop) })
			}
			began := time.Now()
			err := s.gone(ctx, Release{Components: []Component{{BluePods: "food-blue-[0-9]"}}})
			if took := time.Since(began); !errors.Is(err, tc.want) || took < tc.took || took > tc.took+2*time.Second {
				t.Errorf("%s: got %v after %s, want %v after %s", name, err, took, tc.want, tc.took)
			}
		})
	}
}
