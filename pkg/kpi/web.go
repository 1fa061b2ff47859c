package kpi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/jsonpath"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// jsonLimit is how many bytes of an answer are read.
const jsonLimit = 4 << 20

// web asks addresses that answer with JSON. A query is a JSONPath to one number.
type web struct {
	client    kubernetes.Interface
	namespace string
	http      *http.Client

	mu      sync.Mutex
	secrets map[string]http.Header
}

func openWeb(_ context.Context, way Way) (Source, string, error) {
	return &web{
		client: way.Client, namespace: way.Namespace, secrets: map[string]http.Header{},
		// A redirect would take secret headers to where nobody meant them to go.
		http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, "the web addresses that the KPIs name", nil
}

// Sample asks each address once.
func (w *web) Sample(ctx context.Context, queries []string) ([]Answer, error) {
	answers := make([]Answer, len(queries))
	byPlace := map[blueprint.Place][]int{}
	paths := make([]string, len(queries))
	for i, q := range queries {
		o, path, err := parted(q)
		if err != nil {
			return nil, err
		}
		paths[i] = path
		byPlace[o.place] = append(byPlace[o.place], i)
	}
	var wait sync.WaitGroup
	for place, indexes := range byPlace {
		wait.Go(func() {
			document, err := w.fetch(ctx, place)
			for _, i := range indexes {
				if err != nil {
					answers[i].Err = err
					continue
				}
				answers[i] = pluck(document, paths[i], place.URL)
			}
		})
	}
	wait.Wait()
	return answers, nil
}

// fetch reads the JSON at an address.
func (w *web) fetch(ctx context.Context, place blueprint.Place) (any, error) {
	body, err := w.get(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", place.URL, err)
	}
	var document any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return nil, fmt.Errorf("ask %s: its answer is not JSON: %.100q", place.URL, body)
	}
	return document, nil
}

func (w *web) get(ctx context.Context, place blueprint.Place) ([]byte, error) {
	if service, through := strings.CutPrefix(place.URL, "service/"); through {
		name, path, _ := strings.Cut(service, "/")
		return w.client.CoreV1().RESTClient().Get().Namespace(w.namespace).Resource("services").Name(name).
			SubResource("proxy").Suffix(path).DoRaw(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place.URL, nil)
	if err != nil {
		return nil, err
	}
	if req.Header, err = w.headers(ctx, place.Secret); err != nil {
		return nil, err
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(io.LimitReader(resp.Body, jsonLimit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("it answered %s: %.200s", resp.Status, body)
	}
	return body, nil
}

// headers are what the Secret says, read once.
func (w *web) headers(ctx context.Context, secret string) (http.Header, error) {
	if secret == "" {
		return http.Header{}, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, read := w.secrets[secret]; read {
		return known.Clone(), nil
	}
	found, err := w.client.CoreV1().Secrets(w.namespace).Get(ctx, secret, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read secret %s/%s: %w", w.namespace, secret, err)
	}
	headers := http.Header{}
	for name, value := range found.Data {
		headers.Set(name, strings.TrimSpace(string(value)))
	}
	w.secrets[secret] = headers
	return headers.Clone(), nil
}

// pluck is the number that a JSONPath leads to.
func pluck(document any, path, where string) Answer {
	j := jsonpath.New("query").AllowMissingKeys(true)
	if err := j.Parse(path); err != nil {
		return Answer{Err: fmt.Errorf("%q is not a JSONPath: %w", path, err)}
	}
	found, err := j.FindResults(document)
	if err != nil {
		return Answer{Err: fmt.Errorf("%s of %s: %w", path, where, err)}
	}
	var out Answer
	for _, results := range found {
		for _, v := range results {
			if !v.IsValid() || !v.CanInterface() {
				continue
			}
			number, err := numeric(v.Interface())
			if err != nil {
				return Answer{Err: fmt.Errorf("%s of %s: %w", path, where, err)}
			}
			labels := map[string]string{"result": strconv.Itoa(len(out.Series))}
			out.Series = append(out.Series, Series{Labels: labels, Value: number})
		}
	}
	return out
}

// numeric reads a JSON value as a number. Prometheus' own API writes numbers as text, so text of a number is one.
func numeric(v any) (float64, error) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return 0, fmt.Errorf("it is %s, not a number", kindOf(v))
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		return 0, errors.New("it is " + strconv.Quote(text) + ", not a number")
	}
	return n, nil
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	}
	return "an object"
}
