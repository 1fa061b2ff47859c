// Command kubectl-dro is the kubectl plugin `kubectl dro`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"dro.dev/kubectl-dro/pkg/cmd"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(cmd.Interrupted{Signal: <-signals})
		<-signals // impatience must not cut the way back short
		fmt.Fprintln(os.Stderr, "\nalready ending in good order; interrupt once more to leave things as they are")
		signal.Stop(signals) // a third one ends the process
	}()
	os.Exit(cmd.Execute(ctx, os.Args[1:], cmd.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
}
