package prometheus

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNoServiceDiscovery: Prometheus' service discoveries bring the SDKs of a dozen clouds with them.
func TestNoServiceDiscovery(t *testing.T) {
	const discovery = "github.com/prometheus/prometheus/discovery"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), discovery+"/targetgroup\n") {
		t.Fatalf("not the list it should be:\n%s", out)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, discovery+"/") && line != discovery+"/targetgroup" {
			t.Errorf("imports %s", line)
		}
	}
}
