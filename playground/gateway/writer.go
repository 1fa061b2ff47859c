package gateway

import (
	"context"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
)

// writer writes statuses beside the compilation, so that a slow API server never delays the table. Only the
// latest list counts: an object that is still stale is in it again.
type writer struct {
	gateway gwclient.Interface
	again   chan<- struct{} // asks for another compilation, and so for another list
	latest  chan stale
}

func (w *writer) offer(s stale) {
	select {
	case <-w.latest:
	default:
	}
	w.latest <- s // there is room: nobody else sends
}

func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-w.latest:
			w.write(ctx, s)
		}
	}
}

func (w *writer) write(ctx context.Context, s stale) {
	api := w.gateway.GatewayV1()
	var o metav1.UpdateOptions
	for _, x := range s.classes {
		w.one(ctx, "gatewayclass "+x.Name, func(ctx context.Context) error {
			_, err := api.GatewayClasses().UpdateStatus(ctx, x, o)
			return err
		})
	}
	for _, x := range s.gateways {
		w.one(ctx, "gateway "+x.Namespace+"/"+x.Name, func(ctx context.Context) error {
			_, err := api.Gateways(x.Namespace).UpdateStatus(ctx, x, o)
			return err
		})
	}
	for _, x := range s.routes {
		w.one(ctx, "httproute "+x.Namespace+"/"+x.Name, func(ctx context.Context) error {
			_, err := api.HTTPRoutes(x.Namespace).UpdateStatus(ctx, x, o)
			return err
		})
	}
}

// one makes one write. A conflict means that a newer version is on its way through the watch and will be
// compiled anyway; after any other error the object is tried again in a second.
func (w *writer) one(ctx context.Context, name string, update func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := update(limited)
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) || ctx.Err() != nil {
		return
	}
	slog.Warn("gateway: write status", "object", name, "error", err)
	time.AfterFunc(time.Second, func() { signal(w.again) })
}
