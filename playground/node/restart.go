package node

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	firstBackOff = 10 * time.Second // the kubelet's figures, for pulls and for crashes
	longBackOff  = 5 * time.Minute
	forgiven     = 10 * time.Minute // a container that ran this long starts with a clean record
)

// again says whether a container that ended with code runs once more.
func again(policy corev1.RestartPolicy, code int) bool {
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return code != 0
	}
	return true
}

// backOff is the wait before the next attempt after so many in a row went wrong: 10 s, 20 s … 5 min.
func backOff(failures int) time.Duration {
	wait := firstBackOff
	for ; failures > 1 && wait < longBackOff; failures-- {
		wait *= 2
	}
	return min(wait, longBackOff)
}

// crashBackOff is backOff for crashes: the first is forgiven, as the kubelet does.
func crashBackOff(crashes int) time.Duration {
	if crashes <= 1 {
		return 0
	}
	return backOff(crashes - 1)
}
