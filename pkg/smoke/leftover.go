package smoke

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Leftover is a test's Job as it stands in the namespace, whichever rollout made it.
type Leftover struct{ Job, App, Rollout string }

// Leftovers are all tests' Jobs of the namespace.
func Leftovers(ctx context.Context, client kubernetes.Interface, namespace string) ([]Leftover, error) {
	jobs, err := client.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{LabelSelector: labelManagedBy + "=" + managedBy + "," + labelTest})
	if err != nil {
		return nil, fmt.Errorf("list the tests' jobs in %s: %w", namespace, err)
	}
	var all []Leftover
	for _, job := range jobs.Items {
		all = append(all, Leftover{job.Name, job.Labels[labelApp], job.Labels[labelRollout]})
	}
	return all, nil
}
