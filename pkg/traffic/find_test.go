package traffic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
)

func TestFind(t *testing.T) {
	second := Rows()[0]
	second.Kind, second.Resource, second.Name = "OtherRoute", "otherroutes", "other"
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "httproutes"}, "", errors.New("no"))
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "httproutes"}, "")
	for name, tc := range map[string]struct {
		objects []string
		router  string
		lists   map[string]error // by resource; nil stands for the objects
		rows    []Row
		want    []string
		says    []string
	}{
		"one of two": {objects: []string{httproute("b", rules(refs(ref("svc", `,"port":8080`)))), httproute("a", rules(refs(ref("x", ""))))}, want: []string{"httproute ns/b 8080"}},
		"every route that names it": {
			objects: []string{httproute("b", rules(refs(ref("svc", "")))), httproute("a", rules(`{}`, refs(ref("x", ""), ref("svc", `,"weight":0`))))},
			want:    []string{"httproute ns/a 0", "httproute ns/b 0"},
		},
		"the one that is named": {
			objects: []string{httproute("b", rules(refs(ref("svc", "")))), httproute("a", rules(refs(ref("svc", ""))))},
			router:  "HTTPRoute/b", want: []string{"httproute ns/b 0"},
		},
		"none": {objects: []string{httproute("a", rules(refs(ref("x", ""))))}, says: []string{
			"find the router of svc: nothing in the cluster sends traffic to service svc", "looked for: HTTPRoute.gateway.networking.k8s.io (1)", "router: kind/name"}},
		"not installed": {lists: map[string]error{"httproutes": missing}, says: []string{"not installed here: HTTPRoute.gateway.networking.k8s.io"}},
		"not allowed":   {lists: map[string]error{"httproutes": forbidden}, says: []string{"verbs get, list, watch, patch on httproutes.gateway.networking.k8s.io in namespace ns"}},
		"named, but elsewhere": {objects: []string{httproute("a", rules(refs(ref("svc", ""))))}, router: "httproute/b",
			says: []string{"httproute/b in the cluster is not there or does not send traffic to service svc"}},
		"of no known kind": {router: "bucket/a", says: []string{`router "bucket/a" is of no kind dro knows`, "known kinds: gateway-api, grpcroute"}},
		"two kinds": {objects: []string{httproute("a", rules(refs(ref("svc", ""))))}, rows: []Row{Rows()[0], second}, lists: map[string]error{"otherroutes": nil},
			says: []string{"both httproute ns/a and otherroute ns/a point at service svc", "router: "}},
		"one kind of two is there": {objects: []string{httproute("a", rules(refs(ref("svc", ""))))}, rows: []Row{second, Rows()[0]}, lists: map[string]error{"otherroutes": missing},
			want: []string{"httproute ns/a 0"}},
		"blue is there already": {objects: []string{httproute("a", rules(refs(ref("svc", ""), ref("svc-blue", `,"weight":0`))))},
			says: []string{"httproute ns/a: names service svc-blue already", "another rollout"}},
		"two greens": {objects: []string{httproute("a", rules(refs(ref("svc", ""), ref("svc", ""))))}, says: []string{"rule 0 names service svc 2 times"}},
		"another's": {objects: []string{strings.Replace(httproute("a", rules(refs(ref("svc", "")))), `"metadata":{`,
			`"metadata":{"ownerReferences":[{"apiVersion":"flagger.app/v1beta1","kind":"Canary","name":"food","uid":"1","controller":true}],`, 1)},
			says: []string{"httproute ns/a: metadata.ownerReferences: canary food (flagger.app/v1beta1) makes it", "router: kind/name"}},
		"paused": {objects: []string{httproute("a", rules(refs(ref("svc", `,"weight":0`), ref("x", ""))))},
			says: []string{"svc gets no traffic: its weight is 0 in httproute ns/a: spec.rules[0].backendRefs", "give service svc a weight"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t, tc.objects...)
			a.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
				err, known := tc.lists[action.GetResource().Resource]
				if err != nil {
					return true, nil, err
				}
				if !known {
					return false, nil, nil
				}
				l, err := a.Tracker().List(Rows()[0].GVR(), Rows()[0].GVR().GroupVersion().WithKind("HTTPRoute"), "ns")
				return true, l, err
			})
			rows := Rows()
			if tc.rows != nil {
				rows = tc.rows
			}
			routes, err := Find(t.Context(), a, rows, Target{Namespace: "ns", Component: "svc", Green: "svc", Blue: "svc-blue", Router: tc.router})
			if (err == nil) != (len(tc.says) == 0) {
				t.Fatalf("error %v", err)
			}
			for _, part := range tc.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error does not say %q:\n%v", part, err)
				}
			}
			var got []string
			for _, r := range routes {
				got = append(got, fmt.Sprint(r, " ", r.Port))
			}
			if err == nil && !slices.Equal(got, tc.want) {
				t.Errorf("found %v, want %v", got, tc.want)
			}
		})
	}
}
