package blueprint

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestKPISources(t *testing.T) {
	for name, tc := range map[string]struct{ kpi, want string }{
		"pods":           {`{source: pods, interval: 250ms, threshold: "< 1%"}`, ""},
		"a gateway":      {`{source: pods, pods: traefik/app=traefik, port: "9100", threshold: "< 1%"}`, ""},
		"web":            {`{source: web, url: "http://$service.$namespace:80/x", query: "{.a}", secret: s, threshold: "< 1"}`, ""},
		"web by service": {`{source: web, url: "service/$service:80/x", query: "{.a}", threshold: "< 1"}`, ""},
		"job":            {`{source: job, cmd: "true", image: busybox, timeout: 5s, interval: 1m, threshold: "< 1"}`, ""},
		"unknown":        {`{source: pod, threshold: "< 1%"}`, `unknown value "pod"; did you mean "pods"?`},
		"another's key":  {`{source: pods, url: "http://x", threshold: "< 1%"}`, "kpi.error_rate.url: does not belong to the KPI's source; source pods has pods, port, path"},
		"no source":      {`{cmd: "true", threshold: "< 1%"}`, "say which: source: web, pods or job"},
		"too often":      {`{interval: 200ms, threshold: "< 1%"}`, "200ms is too short for its source"},
		"far too often":  {`{source: pods, interval: 50ms, threshold: "< 1%"}`, "write at least 100ms"},
		"no address":     {`{source: web, query: "{.a}", threshold: "< 1"}`, "kpi.error_rate.url: is missing"},
		"no web address": {`{source: web, url: "x/y", query: "{.a}", threshold: "< 1"}`, `"x/y" is not a web address`},
		"no port":        {`{source: web, url: "service/x/y", query: "{.a}", threshold: "< 1"}`, "names no port"},
		"a password":     {`{source: web, url: "http://a:b@x/", query: "{.a}", threshold: "< 1"}`, "holds a name or password"},
		"nothing to ask": {`{source: web, url: "http://x/", threshold: "< 1"}`, "asks a web address for nothing"},
		"no command":     {`{source: job, threshold: "< 1"}`, "kpi.error_rate.cmd: is missing"},
		"a job's query":  {`{source: job, cmd: "true", query: x, threshold: "< 1"}`, "its number is the exit code"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "id: x-v1\nimages: [{svc: a, tag: \"1\"}]\nphases: [{name: full, traffic: 100%}]\nkpi:\n  error_rate: " + tc.kpi + "\n"
			_, _, err := parse("b.yaml", []byte(text), fstest.MapFS{})
			if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "b.yaml:5:")) {
				t.Errorf("%v\nwant …%s", err, tc.want)
			}
		})
	}
}

func TestPrometheusHoldsNoSecret(t *testing.T) {
	for block, want := range map[string]string{
		`{address: "https://x/p", secret: s, headers: {X-Scope-OrgID: team}, insecure: true}`: "",
		`{address: "https://me:pw@x/"}`:        "prometheus.address: holds a name or password",
		`{headers: {authorization: Bearer x}}`: "prometheus.headers.authorization: is secret",
	} {
		text := "id: x-v1\nimages: [{svc: a, tag: \"1\"}]\nphases: [{name: full, traffic: 100%}]\nprometheus: " + block + "\n"
		_, _, err := parse("b.yaml", []byte(text), fstest.MapFS{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", block, err)
		}
	}
}
