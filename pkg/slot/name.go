package slot

import (
	"crypto/sha256"
	"encoding/hex"
)

// suffix sets blue's names and label values apart from green's.
const suffix = "-blue"

// The longest that Kubernetes and Helm take.
const (
	longestName    = 63
	longestRelease = 53
)

// blueName is name with the suffix, cut and made unique by a hash where it would be too long.
func blueName(name string, longest int) string {
	if len(name)+len(suffix) <= longest {
		return name + suffix
	}
	return name[:longest-len(suffix)-6] + "-" + hash(name)[:5] + suffix
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
