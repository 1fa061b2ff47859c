package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/rollout"
)

// Streams are the standard streams.
type Streams = genericiooptions.IOStreams

// The exit codes, as docs/exit-codes.md documents them.
const (
	exitDone       = 0
	exitError      = 1
	exitRolledBack = 2
)

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Signal os.Signal }

func (i Interrupted) Error() string {
	if i.Signal == os.Interrupt {
		return "interrupted by Ctrl-C"
	}
	return "interrupted by signal: " + i.Signal.String()
}

// Execute runs the command line and returns the exit code.
func Execute(ctx context.Context, args []string, streams Streams) int {
	klog.LogToStderr(false) // client-go's and Helm's own log lines are not for users
	klog.SetOutput(io.Discard)
	log.SetOutput(io.Discard)
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var back *rollout.RolledBackError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &back):
		return exitRolledBack // the printer has told it
	}
	var halted *rollout.HaltedError
	if !errors.As(err, &halted) {
		fmt.Fprintln(streams.ErrOut, "error:", err) //nolint:errcheck // nowhere left to say it
	}
	return exitError
}

// connection is how a command reaches the cluster.
type connection struct {
	flags *genericclioptions.ConfigFlags
}

func (c connection) connect() (*action.Cluster, error) {
	return action.Connect(c.flags, *c.flags.Namespace)
}

// connectFor connects in the namespace of the flag, else the blueprint's, else the kubeconfig's.
func (c connection) connectFor(bp *blueprint.Blueprint) (*action.Cluster, error) {
	if *c.flags.Namespace == "" {
		*c.flags.Namespace = bp.Namespace // Helm reads the same flags
	}
	return c.connect()
}

func newRoot(streams Streams) *cobra.Command {
	conn := connection{flags: genericclioptions.NewConfigFlags(true)}
	root := &cobra.Command{
		Use:   "dro",
		Short: "Launch a new version beside the live one, and go back by itself when its numbers go bad",
		Long: `Launch a new version of an application beside the live one, prove it with tests, move traffic to it in
steps while its KPIs are watched, and put everything back by itself when one of them goes wrong.

Nothing is installed in the cluster: your kubeconfig is all it needs.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: displayName(os.Args[0])},
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w\n  see: %s --help", err, c.CommandPath())
	})
	conn.flags.AddFlags(root.PersistentFlags())
	root.AddCommand(
		newLaunch(conn, streams),
		newPlan(conn, streams),
		newValidate(streams),
		newKPIs(conn, streams),
		newReplay(conn, streams),
		newRouters(conn, streams),
		newStatus(conn, streams),
		newList(conn, streams),
		newHistory(conn, streams),
		newLogs(conn, streams),
		newPause(conn, streams),
		newResume(conn, streams),
		newPromote(conn, streams),
		newAbort(conn, streams),
		newSettle(conn, streams),
		newRollback(conn, streams),
		newRetry(conn, streams),
		newGC(conn, streams),
		newStandby(conn, streams),
		newVersion(streams),
	)
	return root
}

// displayName is how the user called the plugin.
func displayName(program string) string {
	if os.Getenv("HELM_PLUGIN_NAME") != "" {
		return "helm dro"
	}
	if filepath.Base(program) == "kubectl-dro" {
		return "kubectl dro"
	}
	return filepath.Base(program)
}
