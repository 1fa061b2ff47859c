package kpi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	prom "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// mark is the label that tells which query of a combined one a series answers.
const mark = "dro_query"

// Prometheus is what speaks the Prometheus HTTP API at a URL.
type Prometheus struct {
	PromQL
	api prom.API
}

// NewPrometheus asks at address through client; nil is the usual one.
func NewPrometheus(address string, client *http.Client) (*Prometheus, error) {
	c, err := api.NewClient(api.Config{Address: address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("prometheus at %q: %w", address, err)
	}
	return &Prometheus{api: prom.NewAPI(c)}, nil
}

// Sample asks everything in one request, so that all numbers are of one moment. Only when that is refused is each query
// tried for itself, to tell which it is; the others are then asked together again.
func (p *Prometheus) Sample(ctx context.Context, queries []string) ([]Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers, err := p.together(ctx, queries)
	if !about(err) {
		return answers, err
	}
	var sound []string
	answers = make([]Answer, len(queries))
	for i, q := range queries {
		_, err := p.together(ctx, []string{q})
		switch {
		case err == nil:
			sound = append(sound, q)
		case about(err):
			answers[i].Err = fmt.Errorf("query %s: %w", q, errors.Unwrap(err))
		default:
			return nil, err
		}
	}
	rest, err := p.together(ctx, sound)
	if err != nil {
		return nil, err
	}
	for i := range answers {
		if answers[i].Err == nil {
			answers[i], rest = rest[0], rest[1:]
		}
	}
	return answers, nil
}

// together asks queries in one request.
func (p *Prometheus) together(ctx context.Context, queries []string) ([]Answer, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	vector, err := p.query(ctx, combine(queries))
	if err != nil {
		return nil, unanswered(err)
	}
	return part(vector, len(queries))
}

// combine joins queries into one, each series marked with the query it answers. The line break ends a comment.
func combine(queries []string) string {
	parts := make([]string, len(queries))
	for i, q := range queries {
		parts[i] = fmt.Sprintf("label_replace((%s\n), %q, %q, \"\", \"\")", q, mark, strconv.Itoa(i))
	}
	return strings.Join(parts, " or ")
}

// part sorts the series of a combined answer by query.
func part(vector model.Vector, n int) ([]Answer, error) {
	answers := make([]Answer, n)
	for _, s := range vector {
		i, err := strconv.Atoi(string(s.Metric[mark]))
		if err != nil || i < 0 || i >= n {
			return nil, fmt.Errorf("prometheus answered with a series no query asked for: %s", s.Metric)
		}
		labels := make(map[string]string, len(s.Metric))
		for name, value := range s.Metric {
			if name != mark {
				labels[string(name)] = string(value)
			}
		}
		answers[i].Series = append(answers[i].Series, Series{Labels: labels, Value: float64(s.Value)})
	}
	return answers, nil
}

func (p *Prometheus) query(ctx context.Context, query string) (model.Vector, error) {
	value, warnings, _, err := p.api.Query(ctx, query, time.Time{})
	if err != nil {
		return nil, err
	}
	if len(warnings) > 0 {
		return nil, doubtful{warnings}
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("prometheus answered with a %s where series were meant", value.Type())
	}
	return vector, nil
}

// unanswered is the error of a request that got no answer, with what came instead.
func unanswered(err error) error {
	var e *prom.Error
	if errors.As(err, &e) && e.Detail != "" {
		return fmt.Errorf("ask prometheus: %w: %.200s", err, e.Detail)
	}
	return fmt.Errorf("ask prometheus: %w", err)
}

// about says whether an error is about the query and not the way to Prometheus.
func about(err error) bool {
	var e *prom.Error
	var d doubtful
	return errors.As(err, &d) || errors.As(err, &e) && (e.Type == prom.ErrBadData || e.Type == prom.ErrExec)
}

// doubtful is an answer with a warning. Some of it may be missing, so it is none.
type doubtful struct{ warnings []string }

func (d doubtful) Error() string {
	return "answered with a warning: " + strings.Join(d.warnings, "; ")
}
