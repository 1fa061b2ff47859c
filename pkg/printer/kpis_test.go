package printer

import (
	"strings"
	"testing"
)

func TestKPIs(t *testing.T) {
	planes := []Plane{{Name: "istio", Requests: "istio_requests_total", Needs: "a sidecar"}}
	for name, tc := range map[string]struct {
		format Format
		kpis   []KPI
		want   string
	}{
		"of an app": {"", []KPI{{Name: "error_rate", Origin: "built in", Component: "food", Plane: "istio", Green: "0.2%"},
			{Name: "queue", Origin: "configmap dro-kpis", Component: "food", Problem: "no series for \x1bqueue\n  do this"}},
			"COMPONENT   KPI          GREEN NOW                READ FROM\n" +
				"food        error_rate   0.2%                     istio\n" +
				"food        queue        – no series for \ufffdqueue   configmap dro-kpis\n"},
		"of nothing": {"", []KPI{{Name: "error_rate", Kind: "ratio", Origin: "built in"}, {Name: "x", Origin: "configmap dro-kpis", Problem: "unknown key"}},
			"KPI          KIND    DEFINED BY\nerror_rate   ratio   built in\nx                    configmap dro-kpis: unknown key\n\nDATA PLANE   NEEDS\nistio        a sidecar\n"},
		"for machines": {"yaml", []KPI{{Name: "error_rate", Origin: "built in"}}, "kpis:\n- name: error_rate\n  origin: built in\nplanes:\n"},
	} {
		var out strings.Builder
		if err := tc.format.KPIs(&out, tc.kpis, planes); err != nil || !strings.HasPrefix(out.String(), tc.want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out.String(), tc.want)
		}
	}
}
