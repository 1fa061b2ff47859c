package smoke

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// DefaultImage has a shell and curl. The blueprint's test or the namespace's dro-config can name another.
const DefaultImage = "curlimages/curl:8.17.0"

const (
	defaultTimeout = time.Minute
	container      = "test"
	managedBy      = "kubectl-dro"
	// leftover is when the cluster removes a finished Job whose launcher died before it could.
	leftover = int32(3600)
	// late is how long after the test's own time the cluster ends a Job whose launcher died. Not sooner: the cluster
	// counts in whole seconds and takes the log away with the pod.
	late = 5 * time.Second
	// grace is short because a shell as first process ignores SIGTERM and would be waited for in vain.
	grace = int64(2)
)

// The labels of a test's Job and its pod.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelApp       = "dro.dev/app"
	labelRollout   = "dro.dev/rollout"
	labelTest      = "dro.dev/test"
)

// job is the Job that runs one try of a test.
func (r *Runner) job(name string, t blueprint.Test, hosts []Host, env map[string]string) *batchv1.Job {
	labels := map[string]string{
		labelManagedBy: managedBy, labelApp: r.App, labelRollout: r.Rollout, labelTest: labelValue(t.Name),
	}
	no, deadline := false, int64(math.Ceil((timeout(t) + late).Seconds()))
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: r.Namespace, Labels: labels},
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(int32(0)), // a retry is a Job of its own, so that each try has its log
			ActiveDeadlineSeconds:   &deadline,
			TTLSecondsAfterFinished: new(leftover),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					RestartPolicy:                 corev1.RestartPolicyNever,
					TerminationGracePeriodSeconds: new(grace),
					AutomountServiceAccountToken:  &no,
					EnableServiceLinks:            &no,
					HostAliases:                   aliases(hosts),
					Containers: []corev1.Container{{
						Name:    container,
						Image:   cmp.Or(t.Image, r.Image, DefaultImage),
						Command: []string{"sh", "-c", literal(t.Cmd)},
						Env:     variables(env, t.Env),
						Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
							corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
						}},
						// No runAsNonRoot: curl images name their user by name, which the kubelet can't tell from root.
						SecurityContext: &corev1.SecurityContext{
							AllowPrivilegeEscalation: &no,
							Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
							SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
						},
					}},
				},
			},
		},
	}
}

func timeout(t blueprint.Test) time.Duration {
	if t.Timeout == nil {
		return defaultTimeout
	}
	return t.Timeout.Duration
}

func aliases(hosts []Host) []corev1.HostAlias {
	var as []corev1.HostAlias
	for _, h := range hosts {
		as = append(as, corev1.HostAlias{IP: h.IP, Hostnames: h.Names})
	}
	return as
}

// variables are the container's environment, the test's own over dro's, in a fixed order.
func variables(ours, own map[string]string) []corev1.EnvVar {
	all := map[string]string{}
	maps.Copy(all, ours)
	maps.Copy(all, own)
	var vars []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(all)) {
		vars = append(vars, corev1.EnvVar{Name: name, Value: literal(all[name])})
	}
	return vars
}

// literal protects text from the kubelet, which reads $(NAME) in commands and variables as a variable of its own and
// $$ as an escaped $: doubled, they arrive as they were written.
func literal(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if text[i] == '$' && i+1 < len(text) && (text[i+1] == '$' || text[i+1] == '(') {
			b.WriteByte('$')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// nameMost leaves room in a label value of 63 for the suffix that a Job gives its pods.
const nameMost = 52

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// jobName is a name for one try: readable, valid, and its own, as unique goes into its last characters.
func jobName(rollout, test, unique string) string {
	sum := sha256.Sum256([]byte(rollout + "\x00" + test + "\x00" + unique))
	suffix := "-" + hex.EncodeToString(sum[:])[:8]
	name := unfit.ReplaceAllString(strings.ToLower("dro-"+rollout+"-"+test), "-")
	return strings.Trim(name[:min(len(name), nameMost-len(suffix))], "-") + suffix
}

// labelValue is a test's name as a label can hold it.
func labelValue(name string) string {
	name = regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(name, "-")
	return strings.Trim(name[:min(len(name), 63)], "-._")
}
