package kpi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

const (
	pageLimit = 32 << 20        // bytes of one pod's metrics
	listedFor = 1 * time.Second // how long the list of pods is good
	atOnce    = 8               // pods that are asked at the same time
)

// pods asks the pods themselves, or those of a gateway, for their metrics, through the API server.
type pods struct {
	client    kubernetes.Interface
	namespace string
	now       func() time.Time

	mu     sync.Mutex
	listed map[string]listing // by namespace and labels
}

type listing struct {
	at   time.Time
	pods []corev1.Pod
}

func openPods(_ context.Context, way Way) (Source, string, error) {
	api, ok := way.Client.CoreV1().RESTClient().(*rest.RESTClient)
	if !ok || api == nil {
		return nil, "", errors.New("source pods: this client has no way to the API server's proxy")
	}
	p := &pods{client: way.Client, namespace: way.Namespace, now: time.Now, listed: map[string]listing{}}
	return p, "the pods themselves", nil
}

// request is a query, taken apart.
type request struct {
	place    blueprint.Place
	fold     parser.ItemType // an aggregation around the selector; 0: none
	matchers []*labels.Matcher
	answer   Answer
}

// asks says whether a pod of the request's place may have series for it. Where the place is each slot's own pods, the
// selector names them.
func (r *request) asks(pod string) bool {
	if r.place.Pods != "" {
		return true
	}
	for _, m := range r.matchers {
		if m.Name == "pod" {
			return m.Matches(pod)
		}
	}
	return false
}

// Sample asks every pod that a query is about once.
func (p *pods) Sample(ctx context.Context, queries []string) ([]Answer, error) {
	requests := make([]request, len(queries))
	places := map[blueprint.Place][]*request{}
	for i, q := range queries {
		o, text, err := parted(q)
		if err != nil {
			return nil, err
		}
		r := &requests[i]
		r.place = o.place
		if r.fold, r.matchers, r.answer.Err = folding(text); r.answer.Err == nil {
			places[o.place] = append(places[o.place], r)
		}
	}
	for place, asked := range places {
		if err := p.scrape(ctx, place, asked); err != nil {
			return nil, err
		}
	}
	answers := make([]Answer, len(queries))
	for i, r := range requests {
		r.answer.Series = fold(r.fold, r.answer.Series)
		answers[i] = r.answer
	}
	return answers, nil
}

// scrape asks the pods of one place and gives each request its series. A pod that doesn't answer leaves those requests
// without an answer that are about it, unless it is going away: what it counted is known then.
func (p *pods) scrape(ctx context.Context, place blueprint.Place, requests []*request) error {
	all, err := p.list(ctx, place)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, atOnce)
	for _, pod := range all {
		about := slices.DeleteFunc(slices.Clone(requests), func(r *request) bool { return !r.asks(pod.Name) })
		if len(about) == 0 || !serves(pod) {
			continue
		}
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			samples, err := p.page(ctx, pod, place)
			mu.Lock()
			defer mu.Unlock()
			for _, r := range about {
				if err != nil {
					r.answer.Err = errors.Join(r.answer.Err, err)
					continue
				}
				r.take(pod, samples)
			}
		})
	}
	wait.Wait()
	return nil
}

// serves says whether a pod can be asked: it runs, is ready, and is not on its way out.
func serves(pod corev1.Pod) bool {
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return false
	}
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// list are the pods of a place, as they were not long ago.
func (p *pods) list(ctx context.Context, place blueprint.Place) ([]corev1.Pod, error) {
	namespace, labels, other := strings.Cut(place.Pods, "/")
	if !other {
		namespace, labels = p.namespace, place.Pods
	}
	p.mu.Lock()
	known, now := p.listed[place.Pods], p.now()
	p.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < listedFor {
		return known.pods, nil
	}
	found, err := p.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: labels})
	if err != nil {
		return nil, fmt.Errorf("list the pods to ask for metrics: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed[place.Pods] = listing{now, found.Items}
	return found.Items, nil
}

// page reads one pod's metrics.
func (p *pods) page(ctx context.Context, pod corev1.Pod, place blueprint.Place) (model.Vector, error) {
	name, path, err := metricsOf(pod, place)
	if err != nil {
		return nil, err
	}
	body, err := p.client.CoreV1().RESTClient().Get().Namespace(pod.Namespace).Resource("pods").Name(name).
		SubResource("proxy").Suffix(path).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("metrics of pod %s/%s: %w", pod.Namespace, name, err)
	}
	defer body.Close() //nolint:errcheck // it has been read
	format := expfmt.NewTextParser(model.UTF8Validation)
	families, err := format.TextToMetricFamilies(io.LimitReader(body, pageLimit))
	if err != nil {
		return nil, fmt.Errorf("metrics of pod %s/%s%s are not in Prometheus' text format: %w", pod.Namespace, name, path, err)
	}
	var out model.Vector
	for _, family := range families {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, family)
		if err != nil {
			return nil, fmt.Errorf("metrics of pod %s/%s%s: %w", pod.Namespace, name, path, err)
		}
		out = append(out, samples...)
	}
	return out, nil
}

// metricsOf says where a pod has its metrics: as the KPI says, as its annotations do, or at the port that is named for it.
func metricsOf(pod corev1.Pod, place blueprint.Place) (name, path string, err error) {
	port, path := place.Port, place.Path
	if port == "" {
		port = pod.Annotations["prometheus.io/port"]
	}
	if path == "" {
		path = pod.Annotations["prometheus.io/path"]
	}
	if path == "" {
		path = "/metrics"
	}
	first := ""
	for _, container := range pod.Spec.Containers {
		for _, p := range container.Ports {
			number := strconv.Itoa(int(p.ContainerPort))
			if first == "" {
				first = number
			}
			if port == "" && (strings.Contains(p.Name, "metrics") || strings.Contains(p.Name, "prom")) {
				port = number
			}
		}
	}
	if port == "" {
		port = first
	}
	if port == "" {
		return "", "", fmt.Errorf("pod %s/%s names no port with metrics\n  say which: port: \"9090\"", pod.Namespace, pod.Name)
	}
	name = pod.Name + ":" + port
	if pod.Annotations["prometheus.io/scheme"] == "https" {
		name = "https:" + name
	}
	return name, path, nil
}

// take keeps a pod's series that are the request's. They have the labels that scraping gives them as well: namespace
// and pod, unless they have such labels of their own.
func (r *request) take(pod corev1.Pod, samples model.Vector) {
	for _, s := range samples {
		series := map[string]string{"namespace": pod.Namespace, "pod": pod.Name}
		for name, value := range s.Metric {
			series[string(name)] = string(value)
		}
		if !matches(r.matchers, series) {
			continue
		}
		series["dro_pod"] = pod.Name // a gateway's replicas have the same labels, and count for themselves
		r.answer.Series = append(r.answer.Series, Series{Labels: series, Value: float64(s.Value)})
	}
}
