package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"
)

// TestRun: once a route's status says that its new generation is accepted, every request goes where it says.
func TestRun(t *testing.T) {
	c := read(t, base[1:], `{kind: HTTPRoute, metadata: {generation: 1}, spec: {parentRefs: [{name: food}], rules: [{backendRefs: [{name: a, port: 80, weight: 1}, {name: b, port: 80, weight: 0}]}]}}`)
	var core []runtime.Object
	for _, s := range c.services {
		core = append(core, s)
	}
	for _, slices := range c.slices {
		for _, s := range slices {
			core = append(core, s)
		}
	}
	// NewClientset guesses plurals and then has no "gateways"; so does the constructor for the objects it is given.
	gateway := gwfake.NewSimpleClientset(c.routes[0], c.classes[0], c.classes[1]) //nolint:staticcheck // as above
	if _, err := gateway.GatewayV1().Gateways("ns").Create(t.Context(), c.gateways[0], metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	backends := map[string]string{"10.244.1.1:8080": serve(t, "green"), "10.244.2.1:8080": serve(t, "blue")}
	g := newGateway(fake.NewClientset(core...), gateway, func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, backends[addr])
	}, "127.0.0.1:8000")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()

	routes := gateway.GatewayV1().HTTPRoutes("ns")
	for generation, want := range []string{"green", "blue", "green", "blue"} {
		route, err := routes.Get(ctx, "r", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if generation > 0 {
			route.Generation++ // as the API server does
			refs := route.Spec.Rules[0].BackendRefs
			refs[0].Weight, refs[1].Weight = refs[1].Weight, refs[0].Weight
			if _, err := routes.Update(ctx, route, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		wait(t, "generation "+itoa(generation+1), func() bool {
			now, err := routes.Get(ctx, "r", metav1.GetOptions{})
			return err == nil && observed(now) == int64(generation+1)
		})
		for range 50 {
			w := httptest.NewRecorder()
			g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://h/", nil))
			if w.Body.String() != want {
				t.Fatalf("generation %d: %q answered, want %s", generation+1, w.Body, want)
			}
		}
	}
	wait(t, "the gateway's status", func() bool {
		now, err := gateway.GatewayV1().Gateways("ns").Get(ctx, "food", metav1.GetOptions{})
		return err == nil && meta.IsStatusConditionTrue(now.Status.Conditions, "Programmed")
	})
	wait(t, "the class's status", func() bool {
		now, err := gateway.GatewayV1().GatewayClasses().Get(ctx, "playground", metav1.GetOptions{})
		return err == nil && meta.IsStatusConditionTrue(now.Status.Conditions, "Accepted")
	})
	if foreign, err := gateway.GatewayV1().GatewayClasses().Get(ctx, "foreign", metav1.GetOptions{}); err != nil || len(foreign.Status.Conditions) > 0 {
		t.Errorf("another controller's class: %+v %v", foreign, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func serve(t *testing.T, name string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(name)) }))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func observed(r *gwv1.HTTPRoute) int64 {
	for _, p := range r.Status.Parents {
		if c := meta.FindStatusCondition(p.Conditions, "Accepted"); c != nil && meta.IsStatusConditionTrue(p.Conditions, "ResolvedRefs") {
			return c.ObservedGeneration
		}
	}
	return 0
}

// TestWriteAgain: after a failed write another list is asked for in a second, but not after a conflict, whose cause does that.
func TestWriteAgain(t *testing.T) {
	gone := schema.GroupResource{Resource: "httproutes"}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"written":  {nil, false},
		"conflict": {apierrors.NewConflict(gone, "r", nil), false},
		"deleted":  {apierrors.NewNotFound(gone, "r"), false},
		"busy":     {errors.New("the API server is busy"), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				again := make(chan struct{}, 1)
				w := writer{again: again}
				w.one(t.Context(), "httproute ns/r", func(context.Context) error { return tc.err })
				time.Sleep(999 * time.Millisecond)
				if len(again) != 0 {
					t.Error("asked at once")
				}
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if (len(again) == 1) != tc.want {
					t.Errorf("asked: %t, want %t", len(again) == 1, tc.want)
				}
			})
		})
	}
}
