package kpi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// A past of ten minutes at 100 requests a second, with a bad minute of 30 % errors in the middle: of five launches of
// two minutes one would have been rolled back, when it was bad.
func TestReplay(t *testing.T) {
	from := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		if !strings.Contains(query, `s="hms-svc-food"`) {
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[]}}`))
			return
		}
		var values []string
		bad, all := 0, 0
		for i := 0; i <= 600; i += 2 {
			all += 200
			if i > 300 && i <= 360 {
				bad += 60
			}
			n := all
			if strings.HasPrefix(query, "bad") {
				n = bad
			}
			values = append(values, fmt.Sprintf(`[%d,"%d"]`, from.Unix()+int64(i), n))
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[%s]}]}}`, strings.Join(values, ","))
	}))
	defer server.Close()
	source := opened(t, blueprint.FromPrometheus, Way{}, server.URL)
	for limit, alarms := range map[string]int{"< 1%": 1, "< 50%": 0, "< 1.2x green": 0} {
		d := one(t, "errors", limit, blueprint.KPI{Bad: `bad{s="$service"}`, Total: `total{s="$service"}`}, nil)
		got, err := source.Replay(t.Context(), []Check{{Definition: d, Green: green, Blue: blue}}, from, from.Add(10*time.Minute), 2*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r := got[0]
		if r.Launches != 5 || len(r.Alarms) != alarms || r.Silent != 0 {
			t.Errorf("%s: %d launches, %d silent, alarms %+v", limit, r.Launches, r.Silent, r.Alarms)
			continue
		}
		if alarms > 0 && (r.Alarms[0].At.Before(from.Add(302*time.Second)) || r.Alarms[0].At.After(from.Add(340*time.Second)) || strings.Contains(r.Alarms[0].Reason, "outage")) {
			t.Errorf("%s: %+v", limit, r.Alarms)
		}
	}
	if _, err := opened(t, blueprint.FromWeb, Way{}, "").Replay(t.Context(), nil, from, from.Add(time.Hour), time.Minute); err == nil || !strings.Contains(err.Error(), "keeps a past") {
		t.Errorf("%v", err)
	}
}
