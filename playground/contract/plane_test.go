package contract

import (
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/playground/control"
	"dro.dev/kubectl-dro/playground/process"
)

// TestMain lets this binary be started again as a component of the control plane, as the playground's own is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && control.Known(os.Args[1]) {
		process.ExitWithParent()
		os.Exit(control.Run(os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

// startPlane starts a control plane of real parts, without a node.
func startPlane(t testing.TB) *rest.Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "contract") // t.TempDir's names are too long for a socket on some systems
	must(t, "make a folder", err)
	t.Cleanup(func() { must(t, "remove the control plane's state", os.RemoveAll(dir)) })
	group, err := process.NewGroup(dir, slog.New(slog.NewTextHandler(io.Discard, nil)))
	must(t, "start the control plane", err)
	t.Cleanup(group.Stop)
	plane, err := control.Start(t.Context(), group, control.Options{
		Dir: dir, Port: freePort(t), Address: "10.244.0.2", Node: "10.244.0.1", Services: "10.96.0.0/16",
		Egress: filepath.Join(dir, "egress"), // nothing listens there: no node, no pods
	})
	must(t, "start the control plane", err)
	config := rest.CopyConfig(plane.Config)
	config.QPS = -1
	return config
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, "find a free port", err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func must(t testing.TB, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}
