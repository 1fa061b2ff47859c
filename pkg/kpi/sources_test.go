package kpi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
)

// place is a cluster, a Prometheus in it and a web server, all in the same situation.
type place struct {
	situation string
	pods      []corev1.Pod
	metrics   map[string]string // by pod, what it serves instead of the situation's

	mu   sync.Mutex // pods are asked at the same time
	seen []string   // metrics that were asked for
}

// situations are what may go wrong with a number, and what goes right.
func situations() []string {
	return []string{"one", "none", "several", "nan", "text", "slow", "4xx", "5xx"}
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/pods"):
		w.Header().Set("Content-Type", "application/json")
		list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
		for _, pod := range p.pods {
			if labels := r.URL.Query().Get("labelSelector"); labels == "" || strings.HasSuffix(labels, "="+pod.Labels["app"]) {
				list.Items = append(list.Items, pod)
			}
		}
		_ = json.NewEncoder(w).Encode(list)
		return
	case r.URL.Path == "/api/v1/query" && p.ask(w):
		return
	case r.URL.Path == "/api/v1/query":
		p.prometheus(w)
	case strings.Contains(r.URL.Path, "/pods/"):
		p.mu.Lock()
		p.seen = append(p.seen, r.URL.Path)
		p.mu.Unlock()
		name := strings.Split(strings.Split(r.URL.Path, "/pods/")[1], ":")[0]
		if text, own := p.metrics[name]; own {
			_, _ = w.Write([]byte(text))
		} else if !p.ask(w) {
			p.page(w)
		}
	case !p.ask(w):
		p.document(w)
	}
}

// ask goes wrong before anything is answered.
func (p *place) ask(w http.ResponseWriter) bool {
	switch p.situation {
	case "slow":
		time.Sleep(300 * time.Millisecond)
	case "4xx":
		http.Error(w, "you may not", http.StatusForbidden)
	case "5xx":
		http.Error(w, "not now", http.StatusInternalServerError)
	default:
		return false
	}
	return true
}

func (p *place) prometheus(w http.ResponseWriter) {
	series := map[string][]string{"one": {"7"}, "several": {"7", "8"}, "nan": {"NaN"}}[p.situation]
	if p.situation == "text" {
		_, _ = w.Write([]byte("<html>sign in</html>"))
		return
	}
	var results []string
	for i, value := range series {
		for _, slot := range []string{"0", "1"} {
			results = append(results, fmt.Sprintf(`{"metric":{"dro_query":%q,"pod":"%d"},"value":[1,%q]}`, slot, i, value))
		}
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.Join(results, ","))
}

func (p *place) page(w http.ResponseWriter) {
	_, _ = w.Write([]byte(map[string]string{
		"one": "queue 7\n", "none": "other 1\n", "several": "queue{a=\"1\"} 7\nqueue{a=\"2\"} 8\n", "nan": "queue NaN\n",
		"text": "<html>sign in</html>",
	}[p.situation]))
}

func (p *place) document(w http.ResponseWriter) {
	_, _ = w.Write([]byte(map[string]string{
		"one": `{"queue": 7}`, "none": `{"other": 1}`, "several": `{"queue": [7, 8]}`, "nan": `{"queue": "NaN"}`, "text": `{"queue": "long"}`,
	}[p.situation]))
}

func (p *place) client(t *testing.T) (kubernetes.Interface, string) {
	t.Helper()
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL), server.URL
}

// clientOf is a client of an API server.
func clientOf(t *testing.T, url string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: url, QPS: 1000, Burst: 1000,
		ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func pod(name string, change func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "food-svc", Name: name, Labels: map[string]string{"app": "food"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
	if change != nil {
		change(&p)
	}
	return p
}

const (
	greenPod = "hms-svc-food-7d9c5b6f8-abcde"
	bluePod  = "hms-svc-food-blue-5c8d7f9b4-fghij"
)

// contract is what every source has to keep to: a number, or why there is none.
var contract = map[blueprint.Source]struct {
	kpi  func(url string) blueprint.KPI
	want map[string]string // by situation, part of the reason; none: it can't come to that
}{
	blueprint.FromPrometheus: {
		func(string) blueprint.KPI { return blueprint.KPI{Query: `queue{s="$service"}`} },
		map[string]string{"one": "7 < 10", "none": "no series for queue", "several": "2 series for queue", "nan": "is NaN",
			"text": "ask prometheus", "slow": "deadline exceeded", "4xx": "403: you may not", "5xx": "500: not now"},
	},
	blueprint.FromPods: {
		func(string) blueprint.KPI { return blueprint.KPI{Query: `queue{pod=~"$pods"}`} },
		map[string]string{"one": "7 < 10", "none": "no series for pods: queue", "several": "2 series for pods: queue", "nan": "is NaN",
			"text": "not in Prometheus' text format", "slow": "deadline exceeded", "4xx": "metrics of pod food-svc/" + bluePod,
			"5xx": "metrics of pod food-svc/" + bluePod},
	},
	blueprint.FromWeb: {
		func(url string) blueprint.KPI { return blueprint.KPI{URL: url + "/$service", Query: `{.queue}`} },
		map[string]string{"one": "7 < 10", "none": "no series for web", "several": "it is a list, not a number", "nan": "is NaN",
			"text": `it is "long", not a number`, "slow": "deadline exceeded", "4xx": "403 Forbidden: you may not", "5xx": "500 Internal Server Error: not now"},
	},
	blueprint.FromJob: {
		func(string) blueprint.KPI { return blueprint.KPI{Cmd: `test "$X" = 7`} },
		map[string]string{"one": "7 < 10", "slow": "no run of", "5xx": "node is gone"},
	},
}

// Whatever a source says that is not one number is inconclusive, with the reason: never a pass, never a breach.
func TestSourcesKeepTheContract(t *testing.T) {
	for name := range registry() {
		if _, tried := contract[name]; !tried {
			t.Errorf("source %s is not in the contract test", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(contract)) {
		for _, situation := range situations() {
			want, possible := contract[name].want[situation]
			if !possible {
				continue
			}
			t.Run(string(name)+"/"+situation, func(t *testing.T) {
				p := &place{situation: situation, pods: []corev1.Pod{pod(bluePod, nil), pod(greenPod, nil)}}
				client, url := p.client(t)
				k := contract[name].kpi(url)
				k.Source, k.For = name, 1
				d := one(t, "queue", "< 10", k, nil)
				way := Way{Live: t.Context(), Client: client, Namespace: "food-svc", Command: func(ctx context.Context, _ blueprint.Place, _ string) (int, error) {
					switch situation {
					case "slow":
						<-ctx.Done()
						return -1, ctx.Err()
					case "5xx":
						return -1, errors.New("its node is gone")
					}
					return 7, nil
				}}
				source := opened(t, name, way, url)
				sentinel, err := NewSentinel(source, []Check{{Definition: d, Green: green, Blue: blue}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if situation == "slow" {
					source.patience = 100 * time.Millisecond
				}
				_ = sentinel.Begin(ctx)
				readings, err := sentinel.Round(ctx)
				if err != nil {
					t.Fatal(err)
				}
				r, verdict := readings[0], judge.Inconclusive
				if situation == "one" {
					verdict = judge.Steady
				}
				if r.Verdict != verdict || !strings.Contains(r.Reason, want) {
					t.Errorf("%s: %s\nwant %s: …%s", r.Verdict, r.Reason, verdict, want)
				}
			})
		}
	}
}

// opened is a source, opened without asking anything yet.
func opened(t *testing.T, name blueprint.Source, way Way, url string) *Sources {
	t.Helper()
	s := &Sources{open: map[blueprint.Source]Source{}, now: time.Now, patience: patience, last: map[blueprint.Source]reply{}}
	var err error
	if name == blueprint.FromPrometheus {
		s.open[name], err = NewPrometheus(url, nil)
	} else {
		s.open[name], _, err = registry()[name].open(t.Context(), way)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNegativeCountersAreInconclusive(t *testing.T) {
	p := &place{pods: []corev1.Pod{pod(bluePod, nil), pod(greenPod, nil)}, metrics: map[string]string{
		greenPod: "bad 1\nall 10\n", bluePod: "bad -1\nall 10\n"}}
	client, _ := p.client(t)
	d := one(t, "x", "< 1%", blueprint.KPI{Source: blueprint.FromPods, Bad: `bad{pod=~"$pods"}`, Total: `all{pod=~"$pods"}`, For: 1}, nil)
	s, err := NewSentinel(opened(t, blueprint.FromPods, Way{Client: client, Namespace: "food-svc"}, ""), []Check{{Definition: d, Green: green, Blue: blue}})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Begin(t.Context())
	readings, err := s.Round(t.Context())
	if err != nil || readings[0].Verdict != judge.Inconclusive || !strings.Contains(readings[0].Reason, "is -1, which is not a count") {
		t.Errorf("%+v, %v", readings, err)
	}
}

// One source that is down leaves the others' KPIs alone.
func TestSourcesStandAlone(t *testing.T) {
	good := &shelf{answers: map[string]Answer{}}
	good.put("up", map[string]float64{"": 1})
	s := &Sources{now: time.Now, patience: patience, last: map[blueprint.Source]reply{}, open: map[blueprint.Source]Source{
		blueprint.FromPrometheus: good, blueprint.FromPods: &shelf{down: errors.New("the pods are away")}}}
	got, err := s.Sample(t.Context(), []string{"pods: a", "up", `web {"url":"http://x"}: {.a}`})
	if err != nil || len(got) != 3 || len(got[1].Series) != 1 || got[0].Err == nil || got[2].Err == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := s.Sample(t.Context(), []string{"pods: b"}); err == nil || !strings.Contains(err.Error(), "the pods are away") {
		t.Errorf("alone: %v", err)
	}
}

func TestSourcesAreNotAskedMoreOftenThanTheyBear(t *testing.T) {
	now := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	prometheus, pods := &shelf{}, &shelf{}
	s := &Sources{now: func() time.Time { return now }, patience: patience, last: map[blueprint.Source]reply{}, open: map[blueprint.Source]Source{
		blueprint.FromPrometheus: prometheus, blueprint.FromPods: pods}}
	for range 20 { // 2 seconds
		if _, err := s.Sample(t.Context(), []string{"a", "pods: b"}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(100 * time.Millisecond)
	}
	if len(prometheus.asked) > 3 || len(pods.asked) != 20 {
		t.Errorf("prometheus was asked %d times in 2s, the pods %d times", len(prometheus.asked), len(pods.asked))
	}
	if _, err := s.Sample(t.Context(), []string{"other"}); err != nil || len(prometheus.asked) > 4 || len(prometheus.asked) < 3 {
		t.Errorf("another question: %v, asked %d times", err, len(prometheus.asked))
	}
}

func TestParted(t *testing.T) {
	for _, o := range []sourced{
		{source: blueprint.FromPrometheus}, {source: blueprint.FromPods},
		{blueprint.FromWeb, blueprint.Place{URL: `http://x/?a=1&b="}: "`, Secret: "s"}},
		{blueprint.FromJob, blueprint.Place{Cmd: `test "$X" = '$Y' # a`, Every: "5s"}},
	} {
		text := o.write(`a{b="c"}`)
		back, query, err := parted(text)
		if err != nil || back != o || query != `a{b="c"}` {
			t.Errorf("%s: %+v, %q, %v", text, back, query, err)
		}
	}
	if o, text, err := parted("pods:rate5m > 1"); err != nil || o.source != blueprint.FromPrometheus || text != "pods:rate5m > 1" {
		t.Errorf("a recording rule: %+v, %q, %v", o, text, err)
	}
}
