package traffic

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
)

func condition(kind, status string, generation int) string {
	return fmt.Sprintf(`{"type":%q,"status":%q,"observedGeneration":%d,"reason":"Why","message":"because"}`, kind, status, generation)
}

func report(parent string, conditions ...string) string {
	return `{"parentRef":` + parent + `,"conditions":[` + strings.Join(conditions, ",") + `]}`
}

func reported(wanted string, reports ...string) string {
	return `{"metadata":{"generation":2},"spec":{"parentRefs":[` + wanted + `]},"status":{"parents":[` + strings.Join(reports, ",") + `]}}`
}

func TestPending(t *testing.T) {
	const gw, full, other = `{"name":"gw"}`, `{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"gw","namespace":"ns"}`, `{"name":"other"}`
	accepted, resolved := condition("Accepted", "True", 2), condition("ResolvedRefs", "True", 2)
	for name, tc := range map[string]struct {
		object  string
		pending string // part of it
		refused string
	}{
		"taken":                     {reported(gw, report(gw, accepted, resolved)), "", ""},
		"defaults spelled out":      {reported(gw, report(full, accepted, resolved)), "", ""},
		"says nothing of backends":  {reported(gw, report(gw, accepted)), "", ""},
		"nobody has reported":       {reported(gw), "gateway gw has not reported", ""},
		"no status at all":          {`{"metadata":{"generation":1},"spec":{"parentRefs":[{"name":"gw"}]}}`, "gateway gw has not reported", ""},
		"no parent":                 {reported(""), "it has no parent in spec.parentRefs", ""},
		"an older generation":       {reported(gw, report(gw, condition("Accepted", "True", 1), resolved)), "gateway gw has not said Accepted for the latest generation", ""},
		"an older refusal":          {reported(gw, report(gw, accepted, condition("ResolvedRefs", "False", 1))), "ResolvedRefs", ""},
		"undecided":                 {reported(gw, report(gw, condition("Accepted", "Unknown", 2))), "Accepted", ""},
		"no condition":              {reported(gw, report(gw)), "gateway gw has not said Accepted", ""},
		"not accepted":              {reported(gw, report(gw, condition("Accepted", "False", 2))), "", "httproute ns/food: gateway gw refuses it: Accepted is False (Why): because"},
		"no such backend":           {reported(gw, report(gw, accepted, condition("ResolvedRefs", "False", 2))), "", "ResolvedRefs is False (Why): because"},
		"one of two":                {reported(gw+","+other, report(gw, accepted, resolved)), "gateway other has not reported", ""},
		"both":                      {reported(gw+","+other, report(gw, accepted), report(other, accepted)), "", ""},
		"a parent that was left":    {reported(gw, report(other, condition("Accepted", "False", 1)), report(gw, accepted)), "", ""},
		"two controllers, one late": {reported(gw, report(gw, accepted), report(gw, condition("Accepted", "True", 1))), "latest generation", ""},
		"no shape":                  {`{"metadata":3,"spec":{"parentRefs":[3]},"status":{"parents":[null,{"conditions":[4]}]}}`, "has not reported", ""},
	} {
		pending, err := routeOf("{}").pending(parse(t, tc.object))
		if (err == nil) != (tc.refused == "") || err != nil && !strings.Contains(err.Error(), tc.refused) {
			t.Errorf("%s: error %v", name, err)
		}
		if (pending == "") != (tc.pending == "") || !strings.Contains(pending, tc.pending) {
			t.Errorf("%s: pending %q, want %q", name, pending, tc.pending)
		}
	}
}

func TestObserved(t *testing.T) {
	const parents = `"parentRefs":[{"name":"gw"}],`
	route := httproute("svc", strings.Replace(rules(refs(ref("svc", ""))), `"rules"`, parents+`"rules"`, 1))
	status := func(kind, state string) map[string]any {
		return parse(t, `{"parents":[`+report(`{"name":"gw"}`, condition(kind, state, 1))+`]}`)
	}
	for name, tc := range map[string]struct {
		then func(a *api, u *unstructured.Unstructured) // once the route is watched
		says string
		warn string
	}{
		"taken": {then: func(a *api, u *unstructured.Unstructured) {
			u.Object["status"] = status("Accepted", "True")
			a.put(t, text(t, u.Object))
		}},
		"refused": {says: "ResolvedRefs is False (Why): because", then: func(a *api, u *unstructured.Unstructured) {
			u.Object["status"] = status("ResolvedRefs", "False")
			a.put(t, text(t, u.Object))
		}},
		"never": {says: "its router has not taken the change: gateway gw has not reported"},
		"deleted": {warn: "httproute ns/svc is gone", then: func(a *api, u *unstructured.Unstructured) {
			if err := a.Tracker().Delete(Rows()[0].GVR(), "ns", "svc"); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, route)
			routes, err := Find(t.Context(), a, Rows(), Target{Namespace: "ns", Component: "svc", Green: "svc", Blue: "svc-blue"})
			if err != nil {
				t.Fatal(err)
			}
			a.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
				w, err := a.Tracker().Watch(action.GetResource(), action.GetNamespace())
				if tc.then != nil {
					go tc.then(a, &unstructured.Unstructured{Object: a.get(t, "svc")})
				}
				return true, w, err
			})
			limit := 10 * time.Second
			if tc.then == nil {
				limit = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			var warned string
			err = (&Mover{Client: a, Warn: func(s string) { warned += s }}).Observed(ctx, routes)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v", err)
			}
			if (warned == "") != (tc.warn == "") || !strings.Contains(warned, tc.warn) {
				t.Errorf("warned %q", warned)
			}
		})
	}
}
