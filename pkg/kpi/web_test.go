package kpi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

func secret(name string, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "food-svc", Name: name}, Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

func TestWebAsksEachAddressOnceWithItsSecret(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("X-Key"))
		_, _ = w.Write([]byte(`{"good": 98, "all": "100", "parts": [{"n": 1}, {"n": 2}]}`))
	}))
	defer server.Close()
	source, _, err := openWeb(t.Context(), Way{Client: fake.NewClientset(secret("stats", map[string]string{"X-Key": "s3cret\n"})), Namespace: "food-svc"})
	if err != nil {
		t.Fatal(err)
	}
	at := sourced{blueprint.FromWeb, blueprint.Place{URL: server.URL + "/stats", Secret: "stats"}}
	answers, err := source.Sample(t.Context(), []string{at.write("{.good}"), at.write("{.all}"), at.write("{.parts[*].n}"), at.write("{.nothing}")})
	if err != nil || answers[0].Series[0].Value != 98 || answers[1].Series[0].Value != 100 || len(answers[2].Series) != 2 || len(answers[3].Series) != 0 {
		t.Errorf("%+v, %v", answers, err)
	}
	if len(asked) != 1 || asked[0] != "/stats s3cret" {
		t.Errorf("asked %q", asked)
	}
	at.place.Secret = "absent"
	answers, err = source.Sample(t.Context(), []string{at.write("{.good}")})
	if err != nil || answers[0].Err == nil || !strings.Contains(answers[0].Err.Error(), "read secret food-svc/absent") {
		t.Errorf("%+v, %v", answers, err)
	}
}

func TestWebFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	source, _, err := openWeb(t.Context(), Way{Client: fake.NewClientset(), Namespace: "food-svc"})
	if err != nil {
		t.Fatal(err)
	}
	at := sourced{blueprint.FromWeb, blueprint.Place{URL: server.URL}}
	answers, err := source.Sample(t.Context(), []string{at.write("{.a}")})
	if err != nil || answers[0].Err == nil || !strings.Contains(answers[0].Err.Error(), "302 Found") {
		t.Errorf("%+v, %v", answers, err)
	}
}

func TestWebThroughTheAPIServer(t *testing.T) {
	p := &place{situation: "one"}
	client, _ := p.client(t)
	source, _, err := openWeb(t.Context(), Way{Client: client, Namespace: "food-svc"})
	if err != nil {
		t.Fatal(err)
	}
	at := sourced{blueprint.FromWeb, blueprint.Place{URL: "service/food-blue:8080/stats"}}
	answers, err := source.Sample(t.Context(), []string{at.write("{.queue}")})
	if err != nil || answers[0].Err != nil || answers[0].Series[0].Value != 7 {
		t.Errorf("%+v, %v", answers, err)
	}
}

func TestDefineFromWebAndJob(t *testing.T) {
	k := blueprint.KPI{Source: blueprint.FromWeb, URL: "http://$service.$namespace:8080/stats", Good: "{.good}", Total: "{.all}"}
	d := one(t, "x", "> 98%", k, nil)
	candidates, err := Check{Definition: d, Green: green, Blue: blue}.candidates()
	if err != nil {
		t.Fatal(err)
	}
	if got := candidates[0].blue.hits; got != `web {"url":"http://hms-svc-food-blue.food-svc:8080/stats"}: {.good}` {
		t.Errorf("blue is asked %s", got)
	}
	k.URL = "http://stats/"
	k.Threshold = threshold(t, "> 98%")
	if _, err := Define(map[string]blueprint.KPI{"x": k}, nil); err == nil || !strings.Contains(err.Error(), "same for both slots") {
		t.Errorf("%v", err)
	}
	d = one(t, "probe", "< 1", blueprint.KPI{Source: blueprint.FromJob, Cmd: `curl -f "http://$SERVICE/healthz"`}, nil)
	candidates, err = Check{Definition: d, Green: green, Blue: blue}.candidates()
	if err != nil {
		t.Fatal(err)
	}
	o, text, err := parted(candidates[0].blue.value)
	if err != nil || o.place.Cmd != `curl -f "http://$SERVICE/healthz"` || text != `"hms-svc-food-blue"` || d.Rule.Kind != blueprint.Value {
		t.Errorf("%+v, %s, %v", o, text, err)
	}
}
