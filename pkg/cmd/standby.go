package cmd

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"dro.dev/kubectl-dro/pkg/action"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/printer"
)

// ownImage is the image of this very program, for the standby.
func ownImage() string {
	return "dro.dev/kubectl-dro:" + strings.NewReplacer("+", "-", "(", "", ")", "").Replace(ownVersion())
}

func standbyFlags(c *cobra.Command, wish *action.StandbyWish) {
	wish.Default = ownImage()
	c.Flags().StringVar((*string)(&wish.Wish), "standby", "",
		"off, auto or required: whether someone in the cluster takes over when this process falls silent; auto goes on without when it can't be had; default: as configmap dro-config says, else auto")
	c.Flags().StringVar(&wish.Image, "standby-image", "",
		"The standby's image, which is this program's; default: as configmap dro-config says, else "+wish.Default)
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var all []string
		for _, w := range plan.Wishes() {
			all = append(all, string(w))
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	if err := c.RegisterFlagCompletionFunc("standby", complete); err != nil {
		panic(err) // the flag was made above
	}
}

// newStandby is what the standby's Job runs. It is no command for people.
func newStandby(conn connection, streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:    "standby APP NUMBER",
		Short:  "Wait in the cluster to go on with a rollout when its launcher falls silent",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			number, err := strconv.Atoi(args[1])
			if err != nil {
				return fmt.Errorf("%q is not the number of a rollout", args[1])
			}
			cluster, err := conn.connect()
			if err != nil {
				return err
			}
			pod := os.Getenv("POD_NAME")
			cluster.Self, cluster.Inside = "the standby (pod "+pod+")", true
			standby := action.Standby{Cluster: cluster, App: args[0], Number: number, Pod: pod, Events: printer.NewText(streams.Out, 0)}
			return standby.Run(c.Context())
		},
	}
}
