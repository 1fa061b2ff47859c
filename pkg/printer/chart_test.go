package printer

import (
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/record"
)

func TestCharts(t *testing.T) {
	var out strings.Builder
	series := record.Series{Name: "error_rate", Component: "food\x1b[2J", Threshold: "< 0.5%", Unit: "%"}
	for i := range 30 {
		series.Points = append(series.Points, record.Point{At: float64(i), Blue: float64(i/20) * .02, Limit: .005})
	}
	charts(&out, []record.Series{{Name: "one", Points: series.Points[:1]}, series})
	text := out.String()
	for _, want := range []string{"error_rate of food\uFFFD[2J, 0.0 s to 29 s after the start; · is the limit (< 0.5%)", "2% ┤", "0% ┼", "·····"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "one") {
		t.Errorf("%q", text)
	}
}

func TestAxis(t *testing.T) {
	for _, tc := range []struct {
		v    float64
		unit string
		want string
	}{{.005, "%", "0.5%"}, {.25, "s", "250ms"}, {1.25, "s", "1.25s"}, {12, "", "12"}} {
		if got := axis(tc.v, tc.unit); got != tc.want {
			t.Errorf("%v %s: %s", tc.v, tc.unit, got)
		}
	}
}
