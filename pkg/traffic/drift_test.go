package traffic

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

// someone writes the first weight, or something else in place of the rule.
func (a *api) someone(t *testing.T, name string, change func(object map[string]any)) {
	t.Helper()
	object := runtime.DeepCopyJSON(a.get(t, name))
	change(object)
	object["metadata"].(map[string]any)["resourceVersion"] = "77"
	object["metadata"].(map[string]any)["managedFields"] = []any{
		map[string]any{"manager": "kubectl-create", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:rules": map[string]any{}}}},
		map[string]any{"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-02T00:00:00Z", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:rules": map[string]any{}}}},
		map[string]any{"manager": "labeller", "operation": "Update", "time": "2026-01-03T00:00:00Z", "fieldsV1": map[string]any{"f:metadata": map[string]any{"f:labels": map[string]any{}}}},
		map[string]any{"manager": "gateway", "operation": "Update", "subresource": "status", "time": "2026-01-04T00:00:00Z", "fieldsV1": map[string]any{"f:spec": map[string]any{}}},
	}
	a.put(t, text(t, object))
}

func backends(object map[string]any) []any {
	rule, _ := object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)
	return rule["backendRefs"].([]any)
}

func setWeight(i int, weight int64) func(map[string]any) {
	return func(object map[string]any) { backends(object)[i].(map[string]any)["weight"] = weight }
}

func TestDrift(t *testing.T) {
	const by = "httproute ns/svc was changed by kubectl-edit: "
	for name, tc := range map[string]struct {
		change func(map[string]any)
		want   string // "": none
		lost   bool
	}{
		"as written":     {func(map[string]any) {}, "", false},
		"something else": {func(o map[string]any) { o["metadata"].(map[string]any)["labels"] = map[string]any{"a": "b"} }, "", false},
		"blue's weight":  {setWeight(1, 50), by + "spec.rules[0].backendRefs[1].weight: 10 → 50", false},
		"green's weight": {setWeight(0, 0), by + "spec.rules[0].backendRefs[0].weight: 90 → 0", false},
		"blue's entry is gone": {func(o map[string]any) {
			o["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)["backendRefs"] = backends(o)[:1]
		}, by + "spec.rules[0].backendRefs[1]: blue's entry → none", false},
		"green's entry is": {func(o map[string]any) { backends(o)[0].(map[string]any)["name"] = "other" }, by + "rule 0 no longer names service svc", true},
		"the rules are":    {func(o map[string]any) { o["spec"].(map[string]any)["rules"] = []any{} }, by + "nothing in it names service svc any more", true},
	} {
		t.Run(name, func(t *testing.T) {
			a, routes := both(t)
			m := &Mover{Client: a}
			if err := m.Shift(t.Context(), routes, 10); err != nil {
				t.Fatal(err)
			}
			a.someone(t, "svc", tc.change)
			drifts, err := m.Drifts(t.Context(), routes, 10)
			if err != nil || len(drifts) > 1 || len(drifts) == 1 != (tc.want != "") {
				t.Fatalf("got %v, %v", drifts, err)
			}
			if tc.want == "" {
				return
			}
			if got := drifts[0].String(); !strings.HasPrefix(got, tc.want) || drifts[0].Lost != "" != tc.lost {
				t.Errorf("got %q, want %q, lost %v", got, tc.want, tc.lost)
			}
			if err := m.Shift(t.Context(), routes, 10); (err != nil) != tc.lost {
				t.Errorf("putting it right: %v, lost should be %v", err, tc.lost)
			}
			if drifts, _ = m.Drifts(t.Context(), routes, 10); len(drifts) > 0 != tc.lost {
				t.Errorf("put right, but %v", drifts)
			}
		})
	}
}

// Once everything is given back, what the launch found is what should be there.
func TestDriftOfWhatWasGivenBack(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"as it was":       {func(map[string]any) {}, ""},
		"green's weight":  {setWeight(0, 7), "backendRefs[0].weight"},
		"green is gone":   {func(o map[string]any) { backends(o)[0].(map[string]any)["name"] = "other" }, "rule 0 no longer names service svc"},
		"its rule is too": {func(o map[string]any) { o["spec"].(map[string]any)["rules"] = []any{} }, "rule 0 no longer names service svc"},
	} {
		a, routes := both(t)
		a.someone(t, "svc", tc.change)
		drifts, err := (&Mover{Client: a}).Drifts(t.Context(), routes, 0)
		if err != nil || len(drifts) == 1 != (tc.want != "") || len(drifts) == 1 && !strings.Contains(drifts[0].String(), tc.want) {
			t.Errorf("%s: got %v, %v, want %q", name, drifts, err, tc.want)
		}
	}
}

// Drift is seen whatever becomes of the watch, and nothing is polled.
func TestDriftedWatches(t *testing.T) {
	for name, tc := range map[string]struct {
		watches []func() (watch.Interface, error) // before one that works
		most    int                               // requests
		warns   bool
	}{
		"a watch that works": {nil, 5, false},
		"closed at once": {[]func() (watch.Interface, error){
			func() (watch.Interface, error) { w := watch.NewFake(); w.Stop(); return w, nil },
		}, 9, false},
		"too old": {[]func() (watch.Interface, error){
			func() (watch.Interface, error) { return nil, apierrors.NewResourceExpired("compacted") },
			func() (watch.Interface, error) {
				w := watch.NewFakeWithChanSize(1, false)
				w.Error(&metav1.Status{Code: 410})
				return w, nil
			},
		}, 11, false},
		"refused": {[]func() (watch.Interface, error){
			func() (watch.Interface, error) { return nil, errors.New("no") },
		}, 9, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, routes := both(t)
			warned := 0
			m := &Mover{Client: a, Warn: func(string) { warned++ }}
			if err := m.Shift(t.Context(), routes, 10); err != nil {
				t.Fatal(err)
			}
			a.asked = nil
			watches := 0
			a.PrependWatchReactor("*", func(clienttesting.Action) (bool, watch.Interface, error) {
				watches++
				if len(tc.watches) == 0 {
					return false, nil, nil
				}
				w, err := tc.watches[0]()
				tc.watches = tc.watches[1:]
				return true, w, err
			})
			time.AfterFunc(time.Minute, func() { a.someone(t, "mfe", setWeight(1, 99)) })
			began := time.Now()
			d, err := m.Drifted(t.Context(), routes, 10)
			if took := time.Since(began); err != nil || d.Route != "httproute ns/mfe" || took > 62*time.Second {
				t.Errorf("%s: got %v, %v after %s", name, d, err, took)
			}
			if n := watches + len(a.asked); n > tc.most || warned > 0 != tc.warns {
				t.Errorf("%s: %d requests, at most %d wanted; warned %d times", name, n, tc.most, warned)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := m.Shift(ctx, routes, 10); err != nil {
				t.Fatal(err)
			}
			if d, err := m.Drifted(ctx, routes, 10); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: put right, but %v, %v", name, d, err)
			}
		})
	}
}

func TestADeletedRouteHasDrifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, routes := both(t)
		m := &Mover{Client: a}
		if err := m.Shift(t.Context(), routes, 10); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() {
			if err := a.Tracker().Delete(Rows()[0].GVR(), "ns", "svc"); err != nil {
				t.Error(err)
			}
		})
		if d, err := m.Drifted(t.Context(), routes, 10); err != nil || d.Lost == "" {
			t.Errorf("got %v, %v", d, err)
		}
	})
}
