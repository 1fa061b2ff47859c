package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

// api is a fake API server that keeps versions and answers a JSON patch as the real one does.
type api struct {
	*dynamicfake.FakeDynamicClient
	before func(verb, name string) error // runs before a request is answered
	asked  []string
}

func newAPI(t testing.TB, objects ...string) *api {
	t.Helper()
	scheme := runtime.NewScheme()
	kinds := map[schema.GroupVersionResource]string{{Group: Rows()[0].Group, Version: "v1", Resource: "otherroutes"}: "OtherRouteList",
		{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}: "IngressClassList",
		endpointSlices: "EndpointSliceList"}
	for _, row := range Rows() {
		kinds[row.GVR()] = row.Kind + "List"
	}
	a := &api{FakeDynamicClient: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme, kinds)}
	for _, o := range objects {
		a.put(t, o)
	}
	a.PrependReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		name := ""
		switch action := action.(type) {
		case clienttesting.GetActionImpl:
			name = action.Name
		case clienttesting.PatchActionImpl:
			name = action.Name
		}
		a.asked = append(a.asked, strings.TrimSpace(action.GetVerb()+" "+name))
		if a.before != nil {
			if err := a.before(action.GetVerb(), name); err != nil {
				return true, nil, err
			}
		}
		if created, ok := action.(clienttesting.CreateActionImpl); ok {
			created.Object.(*unstructured.Unstructured).SetResourceVersion("1")
		}
		if p, ok := action.(clienttesting.PatchActionImpl); ok {
			o, err := a.patch(p)
			return true, o, err
		}
		return false, nil, nil
	})
	return a
}

func httproute(name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute",
		"metadata":{"name":%q,"namespace":"ns","resourceVersion":"1","generation":1},%s`, name, strings.TrimPrefix(spec, "{"))
}

// put stores an object as someone else's write.
func (a *api) put(t testing.TB, object string) {
	t.Helper()
	u := &unstructured.Unstructured{Object: parse(t, object)}
	err := a.Tracker().Create(Rows()[0].GVR(), u, u.GetNamespace())
	if apierrors.IsAlreadyExists(err) {
		err = a.Tracker().Update(Rows()[0].GVR(), u, u.GetNamespace())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (a *api) get(t *testing.T, name string) map[string]any {
	t.Helper()
	o, err := a.Tracker().Get(Rows()[0].GVR(), "ns", name)
	if err != nil {
		t.Fatal(err)
	}
	return o.(*unstructured.Unstructured).Object
}

func (a *api) patch(p clienttesting.PatchActionImpl) (runtime.Object, error) {
	o, err := a.Tracker().Get(p.Resource, p.Namespace, p.Name)
	if err != nil {
		return nil, err
	}
	u := o.(*unstructured.Unstructured).DeepCopy()
	data, err := u.MarshalJSON()
	if err != nil {
		return nil, err
	}
	decoded, err := jsonpatch.DecodePatch(p.Patch)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if data, err = decoded.Apply(data); err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	if err := u.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(u.GetResourceVersion())
	if err != nil {
		return nil, err
	}
	u.SetResourceVersion(strconv.Itoa(version + 1))
	u.SetGeneration(u.GetGeneration() + 1)
	return u, a.Tracker().Update(p.Resource, u, p.Namespace)
}

// requests are the requests of a verb since the last call.
func (a *api) requests(verbs ...string) []string {
	asked := a.asked
	a.asked = nil
	return slices.DeleteFunc(asked, func(s string) bool { verb, _, _ := strings.Cut(s, " "); return !slices.Contains(verbs, verb) })
}

// sortedReads puts the reads before the first write in order: they are made side by side.
func sortedReads(asked []string) []string {
	first := slices.IndexFunc(asked, func(s string) bool { return !strings.HasPrefix(s, "get ") })
	if first > 0 {
		slices.Sort(asked[:first])
	}
	return asked
}

// found are the routes that Find gives for two components, in their order.
func (a *api) found(t *testing.T) []Route {
	t.Helper()
	var routes []Route
	for _, c := range []string{"svc", "mfe"} {
		r, err := Find(t.Context(), a, Rows(), Target{Namespace: "ns", Component: c, Green: c, Blue: c + "-blue"})
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, r...)
	}
	a.asked = nil
	return routes
}

func both(t *testing.T) (*api, []Route) {
	a := newAPI(t, httproute("svc", rules(refs(ref("svc", `,"port":80`)))), httproute("mfe", rules(refs(ref("mfe", `,"weight":3`)))))
	return a, a.found(t)
}

func (a *api) shares(t *testing.T, routes []Route) string {
	t.Helper()
	shares, err := (&Mover{Client: a}).Shares(t.Context(), routes)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, share := range shares {
		percent, ok := share.Percent()
		s = append(s, fmt.Sprint(share.Component, " ", percent, " ", ok))
	}
	a.asked = nil
	return strings.Join(s, ", ")
}

func TestShiftAndRestore(t *testing.T) {
	a, routes := both(t)
	before := []string{text(t, a.get(t, "svc")["spec"]), text(t, a.get(t, "mfe")["spec"])}
	m := &Mover{Client: a, Warn: func(s string) { t.Errorf("warned: %s", s) }}
	for _, percent := range []int{1, 50, 100} {
		if err := m.Shift(t.Context(), routes, percent); err != nil {
			t.Fatal(err)
		}
		if got := a.requests("get", "list", "patch"); !slices.Equal(sortedReads(got), []string{"get mfe", "get svc", "patch svc", "patch mfe"}) {
			t.Errorf("%d%%: asked %v", percent, got)
		}
		if got, want := a.shares(t, routes), fmt.Sprintf("svc %d true, mfe %[1]d true", percent); got != want {
			t.Errorf("%d%%: %s", percent, got)
		}
	}
	if err := m.Shift(t.Context(), routes, 100); err != nil || len(a.requests("patch")) > 0 {
		t.Errorf("a second time it was written again, %v", err)
	}
	if err := m.Shift(t.Context(), routes, 0); err != nil || !slices.Equal(a.requests("patch"), []string{"patch mfe", "patch svc"}) || a.shares(t, routes) != "svc 0 true, mfe 0 true" {
		t.Errorf("back to 0: %v, %s", err, a.shares(t, routes))
	}
	for range 2 {
		if err := m.Restore(t.Context(), routes); err != nil {
			t.Fatal(err)
		}
		if after := []string{text(t, a.get(t, "svc")["spec"]), text(t, a.get(t, "mfe")["spec"])}; !slices.Equal(after, before) {
			t.Errorf("restored %s, was %s", after, before)
		}
	}
	if got := a.requests("patch"); !slices.Equal(got, []string{"patch mfe", "patch svc"}) {
		t.Errorf("restoring wrote %v", got)
	}
	for _, percent := range []int{-1, 101} {
		if err := m.Shift(t.Context(), routes, percent); err == nil || len(a.requests("get", "patch")) > 0 {
			t.Errorf("%d%% was tried", percent)
		}
	}
}

// Someone writes between the read and the write, as a 422 of the failed test or as a 409.
func TestConflict(t *testing.T) {
	for name, conflict := range map[string]error{
		"422": nil, "409": apierrors.NewConflict(schema.GroupResource{Resource: "httproutes"}, "svc", errors.New("the object has been modified")),
	} {
		t.Run(name, func(t *testing.T) {
			a, routes := both(t)
			edits := 2
			a.before = func(verb, name string) error {
				if verb != "patch" || name != "svc" || edits == 0 {
					return nil
				}
				edits--
				o := a.get(t, "svc")
				u := &unstructured.Unstructured{Object: o}
				u.SetResourceVersion(u.GetResourceVersion() + "0")
				u.SetLabels(map[string]string{"edit": strconv.Itoa(edits)})
				a.put(t, text(t, u.Object))
				return conflict
			}
			if err := (&Mover{Client: a}).Shift(t.Context(), routes, 10); err != nil {
				t.Fatal(err)
			}
			if got := a.requests("get", "patch"); !slices.Equal(sortedReads(got), []string{"get mfe", "get svc", "patch svc", "get svc", "patch svc", "get svc", "patch svc", "patch mfe"}) {
				t.Errorf("asked %v", got)
			}
			if u := (&unstructured.Unstructured{Object: a.get(t, "svc")}); u.GetLabels()["edit"] != "0" || a.shares(t, routes) != "svc 10 true, mfe 10 true" {
				t.Errorf("%v", u)
			}
		})
	}
}

func TestConflictWithoutEnd(t *testing.T) {
	a, routes := both(t)
	version := 1
	a.before = func(verb, name string) error {
		if verb == "patch" {
			version++
			u := &unstructured.Unstructured{Object: a.get(t, name)}
			u.SetResourceVersion(strconv.Itoa(version))
			a.put(t, text(t, u.Object))
		}
		return nil
	}
	if err := (&Mover{Client: a}).Shift(t.Context(), routes[:1], 10); !apierrors.IsInvalid(err) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Mover{Client: a}).Shift(ctx, routes[:1], 10); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// When the last can't move, the first goes back, even when the caller's time is over.
func TestAllOrNone(t *testing.T) {
	for name, refusal := range map[string]error{
		"forbidden": apierrors.NewForbidden(schema.GroupResource{Resource: "httproutes"}, "mfe", errors.New("no")),
		"invalid":   apierrors.NewInvalid(schema.GroupKind{Kind: "HTTPRoute"}, "mfe", nil),
		"gone":      apierrors.NewNotFound(schema.GroupResource{Resource: "httproutes"}, "mfe"),
	} {
		t.Run(name, func(t *testing.T) {
			a, routes := both(t)
			m := &Mover{Client: a}
			if err := m.Shift(t.Context(), routes, 1); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			a.before = func(verb, name string) error {
				if name == "mfe" && verb == "patch" {
					cancel()
					return refusal
				}
				return nil
			}
			a.asked = nil
			err := m.Shift(ctx, routes, 50)
			if !errors.Is(err, refusal) || !strings.Contains(err.Error(), "shift mfe to 50%: httproute ns/mfe: ") {
				t.Errorf("error %v", err)
			}
			if asked := a.requests("patch"); asked[len(asked)-1] != "patch svc" || len(asked) != 3 {
				t.Errorf("asked %v", asked)
			}
			if got := a.shares(t, routes); got != "svc 1 true, mfe 1 true" {
				t.Errorf("%s", got)
			}
		})
	}
}

// On the way back one route that can't be written holds up no other, and one that is gone is no reason to go on trying.
func TestWayBack(t *testing.T) {
	back := map[string]func(*Mover, context.Context, []Route) error{
		"restore":    (*Mover).Restore,
		"shift to 0": func(m *Mover, ctx context.Context, routes []Route) error { return m.Shift(ctx, routes, 0) },
	}
	for name, do := range back {
		t.Run(name, func(t *testing.T) {
			a, routes := both(t)
			var warned []string
			m := &Mover{Client: a, Warn: func(s string) { warned = append(warned, s) }}
			if err := m.Shift(t.Context(), routes, 50); err != nil {
				t.Fatal(err)
			}
			refusal := apierrors.NewInternalError(errors.New("the database is down"))
			a.before = func(verb, name string) error {
				if name == "mfe" {
					return refusal
				}
				return nil
			}
			if err := do(m, t.Context(), routes); !errors.Is(err, refusal) || !strings.Contains(err.Error(), "give mfe back to green: httproute ns/mfe") {
				t.Errorf("error %v", err)
			}
			a.before = nil
			if got := a.shares(t, routes); got != "svc 0 true, mfe 50 true" {
				t.Errorf("%s", got)
			}
			if err := a.Tracker().Delete(Rows()[0].GVR(), "ns", "mfe"); err != nil {
				t.Fatal(err)
			}
			if err := do(m, t.Context(), routes); err != nil || !slices.Equal(warned, []string{"httproute ns/mfe is gone: someone deleted it during the rollout"}) {
				t.Errorf("error %v, warned %q", err, warned)
			}
			if _, err := m.Shares(t.Context(), routes); !apierrors.IsNotFound(err) {
				t.Errorf("reading a route that is gone: %v", err)
			}
		})
	}
}
