package smoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// cleanTime is how long the pods of removed Jobs may take to go.
const cleanTime = 30 * time.Second

// Clean removes whatever Jobs of the rollout are left, and waits until their pods are gone.
func (r *Runner) Clean(ctx context.Context) error {
	if r.App == "" || r.Rollout == "" {
		return errors.New("remove the tests' jobs: no rollout is named, and every rollout's would go")
	}
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	selector := labels.SelectorFromSet(labels.Set{labelManagedBy: managedBy, labelApp: r.App, labelRollout: r.Rollout}).String() + "," + labelTest
	jobs, err := r.Client.BatchV1().Jobs(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("remove the jobs of %s's tests: list them: %w", r.Rollout, err)
	}
	var errs []error
	for _, job := range jobs.Items {
		errs = append(errs, r.remove(ctx, job.Name))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	pods := r.pods(ctx, selector)
	for {
		select {
		case err := <-pods.refused:
			return fmt.Errorf("see the pods of %s's tests go: %w", r.Rollout, err)
		case <-ctx.Done():
			if pod := pods.newest(); pod != nil {
				return fmt.Errorf("remove the tests of %s: pod %s/%s is still there: %w", r.Rollout, pod.Namespace, pod.Name, ctx.Err())
			}
			return fmt.Errorf("remove the tests of %s: their pods can't be seen: %w", r.Rollout, ctx.Err())
		case <-pods.changed:
			if pods.newest() == nil {
				return nil
			}
		}
	}
}
