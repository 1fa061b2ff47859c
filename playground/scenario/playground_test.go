package scenario

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// readyFile is what `playground up` writes when everything runs.
type readyFile struct {
	Kubeconfig string `json:"kubeconfig"`
	Gateway    string `json:"gateway"`
	Prometheus string `json:"prometheus"`
}

// startPlayground runs `playground up` without the food service, which each scenario brings itself.
func startPlayground(t *testing.T) *cluster {
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "up.log"))
	must(t, "create the playground's log", err)
	defer log.Close()

	// The shell's standard input closes when this process ends, however it ends; the playground ends with it.
	up := exec.Command("sh", "-c", `"$@" & read _; kill $!; wait $!`, "sh",
		binary(t, "playground", "playground"), "up", "--empty", "--dir", filepath.Join(dir, "state"))
	up.Stdout, up.Stderr = log, log
	stdin, err := up.StdinPipe()
	must(t, "start the playground", err)
	must(t, "start the playground", up.Start())
	t.Cleanup(func() {
		stdin.Close()
		if err := up.Wait(); err != nil {
			t.Errorf("playground up: %v", err)
		}
	})

	var ready readyFile
	eventually(t, "the playground is ready", func() (bool, string) {
		data, err := os.ReadFile(filepath.Join(dir, "state", "ready"))
		if err != nil || json.Unmarshal(data, &ready) != nil {
			said, _ := os.ReadFile(log.Name())
			return false, string(said)
		}
		return true, ""
	})
	c := &cluster{kubeconfig: ready.Kubeconfig, gateway: ready.Gateway, prometheus: ready.Prometheus,
		class: "playground", port: 80}
	return c.dial(t)
}

// patience is how long anything may take. It only ends what hangs: how long things do take is measured elsewhere.
const patience = 4 * time.Minute

// eventually asks until the answer is yes. What is said last tells why it never was.
func eventually(t *testing.T, what string, ask func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; {
		yes, said := ask()
		if yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s\n%s", patience, what, said)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		}
	}
}
