package kpi

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/fake"
)

const oneSeries = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"dro_query":"0"},"value":[1,"1"]}]}}`

func TestAccess(t *testing.T) {
	var got http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = w.Write([]byte(oneSeries))
	}))
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for name, tc := range map[string]struct {
		access Access
		secret map[string]string
		header string // Header: value, as sent
		err    string
	}{
		"bearer":            {Access{}, map[string]string{"token": "t0ken\n", "ca.crt": ca}, "Authorization: Bearer t0ken", ""},
		"basic":             {Access{}, map[string]string{"username": "me", "password": "p4ss", "ca.crt": ca}, "Authorization: Basic bWU6cDRzcw==", ""},
		"headers":           {Access{Headers: map[string]string{"x-scope-orgid": "team"}}, map[string]string{"ca.crt": ca}, "X-Scope-Orgid: team", ""},
		"a secret header":   {Access{}, map[string]string{"header.X-Key": "k3y", "ca.crt": ca}, "X-Key: k3y", ""},
		"insecure":          {Access{Insecure: true}, map[string]string{}, "", ""},
		"unknown authority": {Access{}, map[string]string{"token": "t0ken"}, "", "certificate"},
		"not a CA":          {Access{}, map[string]string{"ca.crt": "x"}, "", "ca.crt holds no certificate"},
		"half a pair":       {Access{}, map[string]string{"tls.crt": ca}, "", "tls.crt and tls.key are not a pair"},
		"both":              {Access{}, map[string]string{"token": "t0ken", "username": "me"}, "", "both token and username"},
		"unknown key":       {Access{}, map[string]string{"tokn": "t0ken"}, "", `unknown key "tokn"`},
	} {
		t.Run(name, func(t *testing.T) {
			got = nil
			tc.access.Address, tc.access.Secret = server.URL, "prometheus"
			way := Way{Client: fake.NewClientset(secret("prometheus", tc.secret)), Namespace: "food-svc", Prometheus: tc.access}
			_, where, err := openPrometheus(t.Context(), way)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("%v, want %s", err, tc.err)
			}
			for _, hidden := range []string{"t0ken", "p4ss", "k3y"} {
				if strings.Contains(where, hidden) || err != nil && strings.Contains(err.Error(), hidden) {
					t.Errorf("%s is shown: %s, %v", hidden, where, err)
				}
			}
			if key, value, _ := strings.Cut(tc.header, ": "); got.Get(key) != value {
				t.Errorf("%s was %q", key, got.Get(key))
			}
		})
	}
}

func TestAccessKeepsSecretsOutOfTheAddress(t *testing.T) {
	way := Way{Client: fake.NewClientset(), Namespace: "food-svc", Prometheus: Access{Address: "https://me:s3cret@prometheus.example"}}
	_, _, err := openPrometheus(t.Context(), way)
	if err == nil || !strings.Contains(err.Error(), "put them into a Secret") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	way.Prometheus = Access{Address: "monitoring/prometheus:9090", Secret: "x"}
	if _, _, err := openPrometheus(t.Context(), way); err == nil || !strings.Contains(err.Error(), "are for a URL") {
		t.Errorf("%v", err)
	}
}

func TestHeadersGoThroughTheAPIServerToo(t *testing.T) {
	var got string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Scope-OrgID")
		_, _ = w.Write([]byte(oneSeries))
	}))
	defer api.Close()
	way := Way{Client: clientOf(t, api.URL), Namespace: "food-svc", Prometheus: Access{Address: "mimir/gateway:80", Headers: map[string]string{"X-Scope-OrgID": "team"}}}
	if _, _, err := openPrometheus(t.Context(), way); err != nil || got != "team" {
		t.Errorf("%q, %v", got, err)
	}
}
