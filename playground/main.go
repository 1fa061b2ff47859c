// Playground is a small Kubernetes of real parts in one binary: see `playground help` and package cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/playground/cluster"
	"dro.dev/kubectl-dro/playground/control"
	"dro.dev/kubectl-dro/playground/demo"
	"dro.dev/kubectl-dro/playground/load"
	"dro.dev/kubectl-dro/playground/process"
)

// gatewayCRDs is the folder that has the Gateway API's CRDs, set by the linker: they are read from the module, not copied.
var gatewayCRDs string

func main() {
	if len(os.Args) > 1 {
		runAs(os.Args[1], os.Args[2:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "playground:", err)
		os.Exit(1)
	}
}

// runAs does not return when name is a child's role: this process is then one of the playground's own children.
func runAs(name string, args []string) {
	if name == process.ReaperCommand {
		if err := process.Reap(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "playground:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if !control.Known(name) {
		return
	}
	process.ExitWithParent()
	os.Exit(control.Run(name, args))
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "playground",
		Short:         "A small Kubernetes of real parts, for demo and tests: no root, no Docker",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(upCommand(), demoCommand())
	return root
}

func upCommand() *cobra.Command {
	var o cluster.Options
	var rate float64
	c := &cobra.Command{
		Use:   "up",
		Short: "Start everything and stay until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log = logger()
			return withCluster(c.Context(), o, func(ctx context.Context, running *cluster.Cluster) error {
				fmt.Fprintf(c.OutOrStdout(), "kubeconfig  %s\ngateway     %s\nprometheus  %s\n", running.Kubeconfig, running.Gateway, running.Prometheus)
				if rate > 0 && !o.Empty {
					traffic, err := load.Start(ctx, demo.Guests(running.Gateway, rate))
					if err != nil {
						return err
					}
					defer traffic.Stop()
					fmt.Fprintf(c.OutOrStdout(), "load        %g requests a second each to food.example and food-delivery.example\n", rate)
				}
				<-ctx.Done()
				return nil
			})
		},
	}
	addClusterFlags(c, &o)
	c.Flags().BoolVar(&o.Empty, "empty", false, "leave out the food service")
	c.Flags().Float64Var(&rate, "rate", 50, "requests a second to each component of the food service; 0 for none")
	return c
}

func demoCommand() *cobra.Command {
	var o cluster.Options
	story := demo.Story{Namespace: "food-svc"}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Start everything, launch a bad release and then a good one under load, and count what failed",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if story.Plugin, err = filepath.Abs(o.Plugin); err != nil {
				return fmt.Errorf("find the plugin: %w", err)
			}
			o.Log = logger()
			return withCluster(c.Context(), o, func(ctx context.Context, running *cluster.Cluster) error {
				story.Kubeconfig, story.Gateway, story.Out = running.Kubeconfig, running.Gateway, c.OutOrStdout()
				return story.Run(ctx)
			})
		},
	}
	addClusterFlags(c, &o)
	c.Flags().StringVar(&story.Blueprints, "blueprints", "testdata", "folder with foodsvc_v2.yaml and foodsvc_v2.1.yaml")
	return c
}

func addClusterFlags(c *cobra.Command, o *cluster.Options) {
	c.Flags().StringVar(&o.Dir, "dir", "", "folder for state and logs (default: a new one, removed at the end)")
	c.Flags().IntVar(&o.APIPort, "api-port", 0, "port of the API server (default: any free one)")
	c.Flags().IntVar(&o.GatewayPort, "gateway-port", 0, "port of the gateway (default: any free one)")
	c.Flags().IntVar(&o.PrometheusPort, "prometheus-port", 0, "port of Prometheus (default: any free one)")
	c.Flags().StringVar(&o.Plugin, "plugin", beside("kubectl-dro"), "the plugin's binary, for pods of its image")
	o.CRDs = gatewayCRDs
}

// beside is a program in the folder of this one, or "" when there is none.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// withCluster runs use on a cluster that lives as long as use does. ctx ends use, and so does a part that breaks.
func withCluster(ctx context.Context, o cluster.Options, use func(context.Context, *cluster.Cluster) error) (err error) {
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "playground"); err != nil {
			return fmt.Errorf("make the state's folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return fmt.Errorf("find the state's folder: %w", err)
	}
	if o.Plugin != "" { // pods' processes run in folders of their own
		if o.Plugin, err = filepath.Abs(o.Plugin); err != nil {
			return fmt.Errorf("find the plugin: %w", err)
		}
	}
	running, err := cluster.Up(ctx, o)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // interrupted before it was up
	}
	if err != nil {
		return err
	}
	using, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-running.Done()
		cancel()
	}()
	err = use(using, running)
	broken := running.Err()
	return errors.Join(err, broken, running.Close())
}

func logger() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }
