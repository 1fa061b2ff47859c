package control

import (
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the components' client metrics
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// Known says whether name is a component's.
func Known(name string) bool {
	return name == Etcd || name == APIServer || name == ControllerManager || name == Scheduler
}

// Run is the life of one component in this process. It returns the exit code.
func Run(name string, args []string) int {
	var c *cobra.Command
	switch name {
	case APIServer:
		c = apiserver.NewAPIServerCommand()
	case ControllerManager:
		c = controllermanager.NewControllerManagerCommand()
	case Scheduler:
		c = scheduler.NewSchedulerCommand()
	case Etcd:
		if err := runEtcd(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	default:
		fmt.Fprintf(os.Stderr, "no component %q: there are %s, %s, %s and %s\n", name, Etcd, APIServer, ControllerManager, Scheduler)
		return 1
	}
	c.SetArgs(args)
	return cli.Run(c)
}

// etcdFlags are runEtcd's arguments.
func etcdFlags(p paths) []string { return []string{p.etcdData(), p.etcdSocket()} }

// runEtcd serves etcd on a unix socket, so that only this user can reach it, until it is told to end.
func runEtcd(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("etcd: want a data folder and a socket, got %q", args)
	}
	config := embed.NewConfig()
	config.Name = "playground"
	config.Dir = args[0]
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true // a playground may lose its last second when the machine does
	config.AutoCompactionMode = "periodic"
	config.AutoCompactionRetention = "5m"
	config.EnableGRPCGateway = false
	config.ListenClientUrls = []url.URL{{Scheme: "unix", Path: args[1]}}
	config.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}} // never dialled: there are no other members
	config.ListenPeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:1"}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.TickMs, config.ElectionMs = 100, 1000
	if err := os.Remove(args[1]); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("etcd: remove socket of an earlier run: %w", err)
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	defer server.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(30 * time.Second):
		return fmt.Errorf("start etcd: no leader after 30 s")
	case err := <-server.Err():
		return fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-stop:
		return nil
	case err := <-server.Err():
		return fmt.Errorf("run etcd: %w", err)
	}
}
