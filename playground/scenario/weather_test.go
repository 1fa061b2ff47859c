package scenario

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dro.dev/kubectl-dro/playground/faults"
)

// slow is tested and holds its phases for long enough to do something meanwhile.
func slow() release {
	return release{name: "slow", hold: "8s", test: "sleep 2; ", ends: ending{"Completed", ""}}
}

// mishap is a fault that is no death at a write.
type mishap struct {
	name string
	run  func(*testing.T, *field)
}

// mishaps harm their own namespace only.
func mishaps() []mishap {
	return []mishap{
		{"two launchers at once", twoLaunchers},
		{"a launcher that stood still while another took over", stoodStill},
		{"no Prometheus in a hold", noPrometheus},
		{"a pause that nobody heard", pauseUnheard},
	}
}

// storms are felt by everything in the cluster.
func storms() []mishap {
	var all []mishap
	for _, at := range []struct {
		state   string
		traffic int
	}{{"Shifting", 50}, {"Preparing", 0}, {"Testing", 0}, {"Shifting", 100}, {"Keeping", 100}, {"Settling", 100}} {
		name := "the API server is killed in state " + at.state + " with " + strconv.Itoa(at.traffic) + "% on blue"
		all = append(all, mishap{name, func(t *testing.T, f *field) { apiServerKilled(t, f, at.state, at.traffic) }})
	}
	return all
}

// suffer injects a mishap into a field of its own.
func suffer(t *testing.T, c *cluster, m mishap) {
	t.Run(m.name, func(t *testing.T) {
		tally(t)
		f := newField(t, c, plainGreen)
		f.next(t)
		m.run(t, f)
		t.Log(f.said.String())
	})
}

// twoLaunchers starts two launches of the same blueprint: one does it, the other says who does.
func twoLaunchers(t *testing.T, f *field) {
	one, _ := f.startLaunch(t, slow(), faults.Point{})
	two, _ := f.startLaunch(t, slow(), faults.Point{})
	loser, winner := one, two
	select {
	case <-one.ended:
	case <-two.ended:
		loser, winner = two, one
	}
	if said := loser.end(); loser.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said, "(process "+strconv.Itoa(winner.cmd.Process.Pid)+")") {
		t.Errorf("it does not say that %d drives the rollout: %s", winner.cmd.Process.Pid, said)
	}
	winner.end()
	f.check(t, slow(), slow().ends)
}

// stoodStill stops a launcher past its lease, lets another take over, and wakes it: it must write nothing any more.
func stoodStill(t *testing.T, f *field) {
	first, proxy := f.startLaunch(t, slow(), faults.Point{})
	f.reaches(t, "Shifting", 50)
	first.signal(t, syscall.SIGSTOP)
	before := len(proxy.Writes())
	second := f.startCommand(t, "resume")
	eventually(t, "another takes over", time.Minute, func() (bool, string) {
		lease, err := f.client.CoordinationV1().Leases(f.ns).Get(t.Context(), "dro-food", metav1.GetOptions{})
		must(t, "read the lease", err)
		return *lease.Spec.LeaseTransitions == 2, lease.String()
	})
	first.signal(t, syscall.SIGCONT)
	if said := first.end(); !strings.Contains(said, "another") || first.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it does not say that another drives the rollout (%s): %s", first.cmd.ProcessState, said)
	}
	if more := proxy.Writes()[before:]; len(more) > 0 {
		t.Errorf("it wrote %q after another took over", more)
	}
	second.end()
	f.check(t, slow(), slow().ends)
}

// pauseUnheard asks a launcher to pause that has died but still holds its lease. Whoever resumes wants to go on.
func pauseUnheard(t *testing.T, f *field) {
	dead, _ := f.startLaunch(t, slow(), faults.Point{})
	f.reaches(t, "Shifting", 50)
	dead.signal(t, syscall.SIGKILL)
	dead.end()
	if said := f.startCommand(t, "pause").end(); !strings.Contains(said, "nobody drives") {
		t.Errorf("it does not say that nobody drives the rollout: %s", said)
	}
	f.command(t, "resume")
	f.check(t, slow(), slow().ends)
}

// noPrometheus takes the source of the KPIs away during a hold. Silence is no success: it goes back.
func noPrometheus(t *testing.T, f *field) {
	upstream, err := url.Parse(f.prometheus)
	must(t, "read Prometheus's address", err)
	prometheus := httptest.NewServer(httputil.NewSingleHostReverseProxy(upstream))
	t.Cleanup(prometheus.Close)
	p := f.start(t, "launch", save(t, f.blueprint(slow())), "-n", f.ns, "--kubeconfig", f.kubeconfig, "--prometheus", prometheus.URL)
	f.reaches(t, "Shifting", 50)
	prometheus.Close() // from the first sample on, or from a later one
	p.end()
	f.check(t, slow(), ending{"RolledBack", "no verdict"})
}

// apiServerKilled kills the API server, which the playground starts again. The rollout ends by itself, either way.
func apiServerKilled(t *testing.T, f *field, state string, traffic int) {
	p := f.start(t, "launch", save(t, f.blueprint(slow())), "-n", f.ns, "--kubeconfig", f.kubeconfig)
	f.reaches(t, state, traffic)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(f.kubeconfig), "pids", "kube-apiserver"))
	must(t, "find the API server", err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, "find the API server", err)
	must(t, "kill the API server", syscall.Kill(pid, syscall.SIGKILL))
	p.end()
	ends := slow().ends
	if p.cmd.ProcessState.ExitCode() == 2 {
		ends = ending{"RolledBack", ""}
	}
	f.check(t, slow(), ends)
}
