package scenario

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"dro.dev/kubectl-dro/playground/faults"
	"dro.dev/kubectl-dro/playground/food"
)

var measure = flag.Bool("budgets", false, "measure what has a budget, and print a table")

// measured is one line of the table.
type measured struct {
	what, budget, value string
	met                 bool
}

// TestBudgets measures the real binary on a playground against the budgets of the design.
func TestBudgets(t *testing.T) {
	if !*measure {
		t.Skip("`make bench` measures")
	}
	c := startPlayground(t)
	var table []measured
	table = append(table, start(t)...)
	table = append(table, list(t, c))
	table = append(table, holdCosts(t, c)...)
	table = append(table, aborts(t, c), breaches(t, c))
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "WHAT\tBUDGET\tMEASURED\t")
	for _, m := range table {
		verdict := "met"
		if !m.met {
			verdict = "MISSED"
			t.Errorf("%s: %s, and the budget is %s", m.what, m.value, m.budget)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", m.what, m.budget, m.value, verdict)
	}
	must(t, "print the table", out.Flush())
}

// spread is how durations are told: median and 99th percentile (of fifty, the worst).
func spread(all []time.Duration) (text string, p99 time.Duration) {
	slices.Sort(all)
	p99 = all[(len(all)*99-1)/100]
	return fmt.Sprintf("median %s, p99 %s of %d", all[len(all)/2].Round(time.Millisecond), p99.Round(time.Millisecond), len(all)), p99
}

// start measures the shortest command there is, and the binary.
func start(t *testing.T) []measured {
	var took []time.Duration
	var most int64
	for range 20 {
		cmd, began := plugin(t, "version"), time.Now()
		must(t, "ask for the version", cmd.Run())
		took, most = append(took, time.Since(began)), max(most, rss(cmd))
	}
	slices.Sort(took)
	info, err := os.Stat(binary(t, "kubectl-dro", "build"))
	must(t, "see the plugin's size", err)
	median := took[len(took)/2]
	return []measured{
		{"version: time", "30 ms", fmt.Sprint(median.Round(time.Millisecond)), median <= 30*time.Millisecond},
		{"version: memory", "45 MB", fmt.Sprintf("%d MB", most>>20), most <= 45<<20},
		{"the plugin's binary", "45 MB", fmt.Sprintf("%d MB", info.Size()/1_000_000), info.Size() <= 45_000_000},
	}
}

// rss is the most memory that an ended process had, in bytes.
func rss(cmd *exec.Cmd) int64 {
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10 // Linux counts in kilobytes
}

// list measures `list` with a thousand records, each of a size that real ones have.
func list(t *testing.T, c *cluster) measured {
	const ns, records = "budget-list", 1000
	c.green(t, ns)
	c.launch(t, ns, short("2.1.0", "1s", "")).end(t, 0)
	found, err := c.client.CoreV1().Secrets(ns).List(t.Context(), metav1.ListOptions{FieldSelector: "type=dro.dev/rollout"})
	must(t, "list the records", err)
	if len(found.Items) != 1 {
		t.Fatalf("%d records, want 1", len(found.Items))
	}
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for i := worker; i < records-1; i += 10 {
				one := &corev1.Secret{Type: found.Items[0].Type, Data: found.Items[0].Data, ObjectMeta: metav1.ObjectMeta{
					Name: fmt.Sprintf("dro.foodsvc.%d", i+2), Labels: found.Items[0].Labels}}
				if _, err := c.client.CoreV1().Secrets(ns).Create(t.Context(), one, metav1.CreateOptions{}); err != nil {
					t.Errorf("create a record: %v", err)
				}
			}
		})
	}
	all.Wait()
	var took []time.Duration
	for range 5 {
		cmd, began := plugin(t, append([]string{"history", "foodsvc", "-n", ns}, c.flags()...)...), time.Now()
		out, err := cmd.Output()
		must(t, "list the records", err)
		took = append(took, time.Since(began))
		if n := strings.Count(string(out), "foodsvc-v9"); n != records {
			t.Errorf("%d records are listed, want %d", n, records)
		}
	}
	text, worst := spread(took)
	return measured{"history of 1,000 records", "1 s", text, worst <= time.Second}
}

// holdCosts measures a launcher that holds a phase of two components with a KPI for half a minute.
func holdCosts(t *testing.T, c *cluster) []measured {
	const span = 30 * time.Second
	f := newField(t, c, plainGreen)
	f.next(t)
	r := slow()
	r.hold = "5m"
	p, proxy := f.startLaunch(t, r, faults.Point{}, "--prometheus", c.prometheus, "--standby", "required")
	f.reaches(t, "Shifting", 50)
	time.Sleep(3 * time.Second)
	before := proxy.Requests()
	time.Sleep(span)
	rate := float64(proxy.Requests()-before) / span.Seconds()
	own, most := memory(t, "standby")
	f.command(t, "abort")
	p.end()
	f.check(t, r, ending{"RolledBack", "aborted"})
	launcher := rss(p.cmd)
	return []measured{
		{"a launcher's memory, at most", "80 MB", fmt.Sprintf("%d MB", launcher>>20), launcher <= 80<<20},
		{"a standby's memory", "40 MB", fmt.Sprintf("%d MB (%d MB with its program's pages)", own>>20, most>>20), own <= 40<<20},
		{"API requests a second in a hold", "1", fmt.Sprintf("%.2f", rate), rate <= 1},
	}
}

// memory is what the running process of a verb of the plugin has for itself, which is what a node counts as its pod's, and
// the most that it had together with the pages of its program, which the node can drop. Both are in bytes.
func memory(t *testing.T, verb string) (own, most int64) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, "list processes", err)
	for _, file := range all {
		line, err := os.ReadFile(file)
		if args := strings.Split(string(line), "\x00"); err != nil || len(args) < 2 || filepath.Base(args[0]) != "kubectl-dro" || args[1] != verb {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(file), "status"))
		must(t, "read the memory of a process", err)
		for field, value := range map[string]*int64{"RssAnon:": &own, "VmHWM:": &most} {
			_, rest, _ := strings.Cut(string(status), field)
			var kilobytes int64
			_, err = fmt.Sscan(rest, &kilobytes)
			must(t, "read the memory of a process", err)
			*value = max(*value, kilobytes<<10)
		}
	}
	if most == 0 {
		t.Fatalf("no `kubectl-dro %s` runs", verb)
	}
	return own, most
}

// written waits until green's route names no blue any more, and says when that was seen.
func (c *cluster) written(t *testing.T, ns string) <-chan time.Time {
	t.Helper()
	w, err := c.dynamic.Resource(httpRoutes).Namespace(ns).Watch(t.Context(), metav1.ListOptions{})
	must(t, "watch the routes", err)
	seen := make(chan time.Time, 1)
	go func() {
		defer w.Stop()
		shifted := false
		for e := range w.ResultChan() {
			now := time.Now()
			o, ok := e.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			text, err := o.MarshalJSON()
			blue := err != nil || strings.Contains(string(text), `"name":"`+food.Service+"-blue")
			if shifted && !blue && strings.Contains(string(text), `"name":"`+food.Service+`"`) {
				seen <- now
				return
			}
			shifted = shifted || blue
		}
	}()
	return seen
}

// flights are namespaces in each of which one rollout after the other is measured.
const flights = 10

// held launches in every namespace at once, and returns when all hold half of the traffic.
func held(t *testing.T, c *cluster) []*launch {
	launches := make([]*launch, flights)
	for i := range launches {
		launches[i] = c.launch(t, flight(i), short("2.1.0", "10m", ""))
	}
	for _, l := range launches {
		l.until(t, "traffic.shifted")
	}
	time.Sleep(3 * time.Second) // until the machine is quiet again
	return launches
}

func flight(i int) string { return fmt.Sprintf("budget-%d", i) }

// aborts measures from the start of `abort` in another shell to the route's write.
func aborts(t *testing.T, c *cluster) measured {
	for i := range flights {
		c.green(t, flight(i))
	}
	var took []time.Duration
	for range 5 {
		launches := held(t, c)
		for i := range launches {
			seen := c.written(t, flight(i))
			time.Sleep(100 * time.Millisecond) // the watch is there
			cmd, began := plugin(t, append([]string{"abort", "foodsvc", "-n", flight(i)}, c.flags()...)...), time.Now()
			must(t, "start the abort", cmd.Start())
			took = append(took, (<-seen).Sub(began))
			must(t, "abort", cmd.Wait())
		}
		for _, l := range launches {
			l.end(t, 2)
		}
	}
	text, p99 := spread(took)
	return measured{"abort typed → green's weight written", "300 ms", text, p99 <= 300*time.Millisecond}
}

// breaches measures from the scrape that shows a breach first to the route's write. One failed request is a breach here:
// how many it takes to be sure is TestSentinel's to measure.
func breaches(t *testing.T, c *cluster) measured {
	const failed = `sum(food_payments_total{namespace="$namespace",pod=~"$pods",result="failure"}) or vector(0)`
	for i := range flights {
		c.load(t, flight(i), float64(10+2*i), food.Service)
	}
	var took []time.Duration
	for range 3 {
		began := time.Now()
		launches := make([]*launch, flights)
		for i := range launches {
			launches[i] = c.launch(t, flight(i), short("broken", "10m", fmt.Sprintf("kpi: {failed: {threshold: \"< 1\", interval: 1s, for: 1, query: %q}}", failed)))
		}
		var written []<-chan time.Time
		for i, l := range launches {
			l.until(t, "deployment.started")
			written = append(written, c.written(t, flight(i)))
		}
		for i, l := range launches {
			l.end(t, 2)
			took = append(took, (<-written[i]).Sub(c.visible(t, flight(i), began)))
		}
	}
	text, p99 := spread(took)
	return measured{"KPI breach visible → green's weight written, interval 1 s", "1 s", text, p99 <= time.Second}
}

// visible is when Prometheus first saw that blue had failed a request.
func (c *cluster) visible(t *testing.T, ns string, since time.Time) time.Time {
	t.Helper()
	query := fmt.Sprintf(`food_payments_total{namespace=%q,pod=~"%s-blue-.*",result="failure"}[10m]`, ns, food.Service)
	resp, err := http.Get(c.prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
	must(t, "ask Prometheus", err)
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	must(t, "read Prometheus's answer", json.NewDecoder(resp.Body).Decode(&answer))
	var first time.Time
	for _, series := range answer.Data.Result {
		for _, sample := range series.Values {
			seconds, _ := sample[0].(float64)
			at := time.UnixMilli(int64(seconds * 1000))
			if sample[1] != "0" && at.After(since) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	if first.IsZero() {
		t.Fatalf("%s: no failed request was seen by Prometheus", ns)
	}
	return first
}
