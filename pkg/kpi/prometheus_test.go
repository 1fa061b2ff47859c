package kpi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// oracle answers a query's text with JSON in Prometheus's form, and keeps what it was asked.
type oracle struct {
	answer func(query string) (code int, body string)
	asked  []string
}

func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/api/v1/query") {
		http.NotFound(w, r)
		return
	}
	o.asked = append(o.asked, r.FormValue("query"))
	code, body := o.answer(r.FormValue("query"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprint(w, body)
}

// vector writes series, given as labels with the value under "".
func vector(series ...map[string]string) string {
	var result []map[string]any
	for _, s := range series {
		labels := map[string]string{}
		for k, v := range s {
			if k != "" {
				labels[k] = v
			}
		}
		result = append(result, map[string]any{"metric": labels, "value": []any{1763870000.1, s[""]}})
	}
	body, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": "vector", "result": result}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func fails(kind, text string) string {
	return fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text)
}

func prometheus(t *testing.T, answer func(query string) (int, string)) (*Prometheus, *oracle) {
	t.Helper()
	o := &oracle{answer: answer}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	p, err := NewPrometheus(server.URL, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return p, o
}

func TestPrometheusAsksOnce(t *testing.T) {
	p, o := prometheus(t, func(string) (int, string) {
		return 200, vector(
			map[string]string{"dro_query": "1", "pod": "a", "": "7"},
			map[string]string{"dro_query": "0", "pod": "a", "": "3"},
			map[string]string{"dro_query": "1", "pod": "b", "": "NaN"})
	})
	got, err := p.Sample(t.Context(), []string{"x # all of it", "y", "z"})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[{[{map[pod:a] 3}] <nil>} {[{map[pod:a] 7} {map[pod:b] NaN}] <nil>} {[] <nil>}]" {
		t.Errorf("%v", got)
	}
	want := `label_replace((x # all of it
), "dro_query", "0", "", "") or label_replace((y
), "dro_query", "1", "", "") or label_replace((z
), "dro_query", "2", "", "")`
	if len(o.asked) != 1 || o.asked[0] != want {
		t.Errorf("asked %q", o.asked)
	}
}

func TestPrometheusSaysWhichQuery(t *testing.T) {
	for name, refusal := range map[string]struct {
		code int
		body string
		want string
	}{
		"parse error": {400, fails("bad_data", "unexpected end of input"), "query y{: bad_data: unexpected end of input"},
		"execution":   {422, fails("execution", "many-to-many matching"), "many-to-many matching"},
		"a warning":   {200, strings.Replace(vector(), `"status"`, `"warnings":["only half of the stores answered"],"status"`, 1), "only half of the stores"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := prometheus(t, func(query string) (int, string) {
				switch {
				case strings.Contains(query, "y{"):
					return refusal.code, refusal.body
				case strings.Contains(query, `"1"`):
					return 200, vector(map[string]string{"dro_query": "0", "": "3"}, map[string]string{"dro_query": "1", "": "4"})
				}
				return 200, vector(map[string]string{"dro_query": "0", "": "1"})
			})
			got, err := p.Sample(t.Context(), []string{"x", "y{", "z"})
			if err != nil {
				t.Fatal(err)
			}
			// x and z are of one moment: of the request that asked for both.
			if got[1].Err == nil || !strings.Contains(got[1].Err.Error(), refusal.want) {
				t.Errorf("%v", got[1])
			}
			if got[0].Err != nil || got[0].Series[0].Value != 3 || got[2].Err != nil || got[2].Series[0].Value != 4 {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestPrometheusWithoutAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		code int
		body string
		want string
	}{
		"broken":          {500, "oops", "server error: 500"},
		"too slow":        {503, fails("timeout", "query timed out"), "query timed out"},
		"not prometheus":  {200, "<html>", "ask prometheus"},
		"a scalar":        {200, `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`, "scalar"},
		"a stranger":      {200, vector(map[string]string{"dro_query": "7", "": "3"}), "no query asked for"},
		"an unmarked one": {200, vector(map[string]string{"": "3"}), "no query asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := prometheus(t, func(string) (int, string) { return tc.code, tc.body })
			got, err := p.Sample(t.Context(), []string{"x"})
			if err == nil || !strings.Contains(err.Error(), tc.want) || got != nil {
				t.Errorf("%v, %v\nwant %s", got, err, tc.want)
			}
		})
	}
}

func TestPrometheusIsNotAskedForNothing(t *testing.T) {
	p, o := prometheus(t, func(string) (int, string) { return 500, "" })
	if got, err := p.Sample(t.Context(), nil); err != nil || len(got) != 0 || len(o.asked) != 0 {
		t.Errorf("%v, %v, asked %q", got, err, o.asked)
	}
}
