package standby

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/record"
)

const (
	// Label tells a standby's objects from everything else that carries a rollout's labels.
	Label = "dro.dev/standby"

	container = "standby"
	nobody    = int64(65532) // the user that images without users of their own run as
	nameMost  = 52           // leaves room in a label value of 63 for the suffix that a Job gives its pods
	restarts  = int32(100)   // a rollout may outlive many nodes
	leftover  = int32(600)   // seconds after which the cluster removes a standby that nobody did
	// lost is how long, in seconds, a node may be gone before another takes the standby. The default of five minutes is
	// longer than many rollouts.
	lost = int64(10)
)

// Name is what the objects of a rollout's standby are called.
func Name(app string, number int) string {
	name, tail := "dro-standby-"+app, "-"+strconv.Itoa(number)
	if len(name)+len(tail) > nameMost {
		sum := sha256.Sum256([]byte(app))
		tail = "-" + hex.EncodeToString(sum[:])[:8] + tail
		name = name[:nameMost-len(tail)]
	}
	return name + tail
}

func (j *Job) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: j.name(), Namespace: j.Namespace, Labels: map[string]string{
		record.LabelManagedBy: record.ManagedBy, record.LabelApp: j.Rollout.App, record.LabelRollout: j.Rollout.ID, Label: "true",
	}}
}

// owned are the marks of an object that goes when the ServiceAccount does.
func (j *Job) owned(by *corev1.ServiceAccount) metav1.ObjectMeta {
	m := j.meta()
	m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ServiceAccount", Name: by.Name, UID: by.UID}}
	return m
}

func (j *Job) account() *corev1.ServiceAccount { return &corev1.ServiceAccount{ObjectMeta: j.meta()} }

func (j *Job) role(owner *corev1.ServiceAccount) *rbacv1.Role {
	rules := append([]rbacv1.PolicyRule{{ // its own end
		APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{j.name()}, Verbs: []string{"delete"},
	}}, j.Rules...)
	return &rbacv1.Role{ObjectMeta: j.owned(owner), Rules: rules}
}

func (j *Job) binding(owner *corev1.ServiceAccount) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: j.owned(owner),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: j.name()},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: j.name(), Namespace: j.Namespace}},
	}
}

func (j *Job) job(owner *corev1.ServiceAccount) *batchv1.Job {
	yes, no := true, false
	gone := func(taint string) corev1.Toleration {
		return corev1.Toleration{
			Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(lost),
		}
	}
	marks := j.owned(owner)
	return &batchv1.Job{
		ObjectMeta: marks,
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(restarts),
			TTLSecondsAfterFinished: new(leftover),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: marks.Labels},
				Spec: corev1.PodSpec{
					ServiceAccountName: j.name(),
					RestartPolicy:      corev1.RestartPolicyOnFailure,
					EnableServiceLinks: &no,
					Tolerations:        []corev1.Toleration{gone(corev1.TaintNodeNotReady), gone(corev1.TaintNodeUnreachable)},
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot: &yes, RunAsUser: new(nobody), RunAsGroup: new(nobody),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{{
						Name:  container,
						Image: j.Image,
						Args:  []string{"standby", j.Rollout.App, strconv.Itoa(j.Rollout.Number), "--namespace", j.Namespace},
						Env: []corev1.EnvVar{
							{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
							{Name: "GOMEMLIMIT", Value: "96MiB"}, // it takes less to wait, and Helm a little more to settle
						},
						Resources: corev1.ResourceRequirements{
							Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("48Mi")},
							Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
						},
						SecurityContext: &corev1.SecurityContext{
							AllowPrivilegeEscalation: &no,
							ReadOnlyRootFilesystem:   &yes,
							Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
						},
					}},
				},
			},
		},
	}
}
