// Command food is one component of the food-delivery licensing service as a process of its own, for real nodes.
// Which component and tag it is comes from FOOD_COMPONENT and FOOD_TAG, or is linked in (-X main.tag=2.0.0).
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"dro.dev/kubectl-dro/playground/food"
)

// Set by the linker, so that an image is one file.
var component, tag string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := start(ctx, environ())
	var exit *food.Exit
	switch {
	case errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, exit.Log)
		os.Exit(exit.Code)
	case err != nil:
		fmt.Fprintln(os.Stderr, "food:", err)
		os.Exit(1)
	}
}

func environ() map[string]string {
	env := map[string]string{"FOOD_COMPONENT": component, "FOOD_TAG": tag}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return env
}

func start(ctx context.Context, env map[string]string) error {
	h, err := food.Handler(env["FOOD_COMPONENT"], env["FOOD_TAG"], env)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Printf("%s %s listens on %s\n", env["FOOD_COMPONENT"], env["FOOD_TAG"], l.Addr())
	return serve(ctx, h, l)
}

// serve answers until ctx ends, then stops listening at once and finishes what is in flight.
func serve(ctx context.Context, h http.Handler, l net.Listener) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	return srv.Shutdown(last)
}
