package scenario

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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
	all := []mishap{
		{"two launchers at once", twoLaunchers},
		{"a launcher that stood still while another took over", stoodStill},
		{"no Prometheus in a hold", noPrometheus},
		{"a pause that nobody heard", pauseUnheard},
		{"watches that keep ending", watchesCut},
	}
	for _, w := range []struct {
		name    string
		lasts   time.Duration // 0: to the end
		weather faults.Weather
	}{
		{"an API server that takes half a second", 0, faults.Weather{Share: 100, Delay: 500 * time.Millisecond}},
		{"an API server that answers 429 to every third request", 0, faults.Weather{Share: 33, Status: http.StatusTooManyRequests}},
		{"an API server that answers 500 to every third request", 0, faults.Weather{Share: 33, Status: http.StatusInternalServerError}},
		{"conflicts in every fifth write", 0, faults.Weather{Share: 20, Writes: true, Status: http.StatusConflict}},
		{"every fifth write's answer is lost", 0, faults.Weather{Share: 20, Writes: true, Lost: true}},
		{"credentials that are refused for a while", 10 * time.Second, faults.Weather{Share: 100, Status: http.StatusUnauthorized}},
		{"an API server that is gone for most of a minute", 45 * time.Second, faults.Weather{Share: 100, Status: http.StatusServiceUnavailable}},
	} {
		all = append(all, mishap{w.name, func(t *testing.T, f *field) { weathered(t, f, w.lasts, w.weather) }})
	}
	return all
}

// weathered lets a launch meet bad weather, once it has begun. It goes on, or back: either way it ends by itself.
func weathered(t *testing.T, f *field, lasts time.Duration, weather faults.Weather) {
	p, proxy := f.startLaunch(t, slow(), faults.Point{})
	at, share := "Preparing", 0
	if lasts > 0 {
		at, share = "Shifting", 50
	}
	f.reaches(t, at, share)
	proxy.Weather(weather)
	if lasts > 0 {
		select {
		case <-time.After(lasts):
			proxy.Weather()
		case <-p.ended:
		}
	}
	f.endsByItself(t, p)
}

// watchesCut ends every watch again and again, and lets half of the new ones begin too far in the past.
func watchesCut(t *testing.T, f *field) {
	p, proxy := f.startLaunch(t, slow(), faults.Point{})
	proxy.Weather(faults.Weather{Share: 50, Watches: true, Status: http.StatusGone})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			proxy.CutWatches()
			continue
		case <-p.ended:
		}
		break
	}
	f.endsByItself(t, p)
}

// endsByItself waits for a launch that completes or rolls back.
func (f *field) endsByItself(t *testing.T, p *process) {
	t.Helper()
	p.end()
	ends := slow().ends
	if p.cmd.ProcessState.ExitCode() == 2 {
		ends = ending{"RolledBack", ""}
	}
	f.check(t, slow(), ends)
}

// outage is a death of the API server in a state of a launch. Everything in the cluster feels it.
type outage struct {
	state   string
	traffic int
}

func outages() []outage {
	return []outage{{"Shifting", 50}, {"Preparing", 0}, {"Testing", 0}, {"Shifting", 100}, {"Keeping", 100}, {"Settling", 100}}
}

func (o outage) name() string {
	return fmt.Sprintf("the API server is killed in state %s with %d%% on blue", o.state, o.traffic)
}

// storm lets one launch after the other see its outage. Each is felt by the launches before it, too.
func storm(t *testing.T, c *cluster, outages []outage) {
	var all, fields sync.WaitGroup
	var turn sync.Mutex
	fields.Add(len(outages)) // without an API server there are none to be had
	for _, o := range outages {
		ready := sync.OnceFunc(fields.Done)
		all.Go(func() {
			defer ready()
			suffer(t, c, mishap{o.name(), func(t *testing.T, f *field) {
				ready()
				fields.Wait()
				f.endsByItself(t, o.strike(t, f, &turn))
			}})
		})
	}
	all.Wait()
}

// strike kills the API server when a launch has come so far, and returns once it is back.
func (o outage) strike(t *testing.T, f *field, turn *sync.Mutex) *process {
	turn.Lock()
	defer turn.Unlock()
	f.caughtUp(t) // a launch can't know of the outage before it
	p := f.start(t, "launch", save(t, f.blueprint(slow())), "-n", f.ns, "--kubeconfig", f.kubeconfig, "--standby", "off")
	f.reaches(t, o.state, o.traffic)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(f.kubeconfig), "pids", "kube-apiserver"))
	must(t, "find the API server", err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, "find the API server", err)
	must(t, "kill the API server", syscall.Kill(pid, syscall.SIGKILL))
	// It answers before it knows of all kinds; whoever balances load asks whether it is ready, too.
	eventually(t, "the API server is back", func() (bool, string) {
		said, err := f.client.CoreV1().RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context())
		return err == nil, fmt.Sprintf("%s %v", said, err)
	})
	return p
}

// caughtUp waits until who watches the cluster has come back to an API server that was away: a new Service is served.
func (f *field) caughtUp(t *testing.T) {
	t.Helper()
	const probe = `
{apiVersion: v1, kind: Service, metadata: {name: probe}, spec: {selector: {app.kubernetes.io/name: hms-svc-food}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: probe},
 spec: {parentRefs: [{name: food}], hostnames: [HOST], rules: [{backendRefs: [{name: probe, port: 80}]}]}}`
	f.apply(t, f.ns, strings.ReplaceAll(probe, "HOST", host("probe", f.ns)))
	f.serves(t, f.ns, f.live, "probe")
	must(t, "delete the probe's route", f.dynamic.Resource(httpRoutes).Namespace(f.ns).Delete(t.Context(), "probe", metav1.DeleteOptions{}))
	must(t, "delete the probe", f.client.CoreV1().Services(f.ns).Delete(t.Context(), "probe", metav1.DeleteOptions{}))
}

// suffer injects a mishap into a field of its own.
func suffer(t *testing.T, c *cluster, m mishap) {
	t.Run(m.name, func(t *testing.T) {
		tally(t)
		f := newField(t, c, plainGreen)
		f.next(t)
		defer func() { t.Log(f.said.String()) }()
		m.run(t, f)
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
	eventually(t, "another takes over", func() (bool, string) {
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
	p := f.start(t, "launch", save(t, f.blueprint(slow())), "-n", f.ns, "--kubeconfig", f.kubeconfig, "--prometheus", prometheus.URL, "--standby", "off")
	f.reaches(t, "Shifting", 50)
	prometheus.Close() // from the first sample on, or from a later one
	p.end()
	f.check(t, slow(), ending{"RolledBack", "no verdict"})
}
