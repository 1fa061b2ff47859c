package traffic

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
)

func TestNaming(t *testing.T) {
	a := newAPI(t,
		httproute("a", rules(refs(ref("svc", "")))),
		httproute("b", rules(refs(ref("svc", ""), ref("svc-blue", `,"weight":0`)))),
	)
	routes, err := All(t.Context(), a, Rows(), "ns", "svc", "svc-blue")
	if err != nil || len(routes) != 2 {
		t.Fatalf("got %v, %v", routes, err)
	}
	naming, err := Naming(routes)
	if err != nil || len(naming) != 1 || naming[0].Name != "b" {
		t.Errorf("got %v, %v; want b, though its weight is 0", naming, err)
	}
}

// A kind that is not there names nothing; one that can't be read might.
func TestAllRoutesOrNone(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		fine bool
	}{
		"not installed": {apierrors.NewNotFound(schema.GroupResource{Resource: "httproutes"}, ""), true},
		"not allowed":   {apierrors.NewForbidden(schema.GroupResource{Resource: "httproutes"}, "", nil), false},
	} {
		a := newAPI(t)
		a.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.err })
		if routes, err := All(t.Context(), a, Rows(), "ns", "svc", "svc-blue"); (err == nil) != tc.fine || len(routes) > 0 {
			t.Errorf("%s: got %v, %v", name, routes, err)
		}
	}
}
