package machine

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

func newJoin(c *console.Console, flags *manager.Flags) *cobra.Command {
	var roles []string
	var replace, server string
	expires := enroll.DefaultTokenLife
	cmd := &cobra.Command{
		Use:   "join CLUSTER",
		Short: "Print the line with which one machine joins a cluster",
		Long: `Print the line with which one machine joins a cluster: run it there as root.

It holds a token that works once, for this cluster and these roles, and for a short time. Whoever has it can join in the
machine's place until then, so treat it as a password. --replace lets the machine take the name of one that is known, as after
it was set up anew.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	fs := cmd.Flags()
	fs.StringSliceVar(&roles, "role", nil, "roles of the machine: etcd, control-plane, worker")
	fs.StringVar(&replace, "replace", "", "known machine that may be taken over")
	fs.Var(console.NewWait(&expires), "expires", "how long the token works")
	fs.StringVar(&server, "server", "", "address that the machine reaches the manager at, host[:port] (default what the manager says)")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(allRoles, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("replace", flags.CompleteMachineFlag())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		invitation, err := invite(roles, replace, c.Now().Add(expires))
		if err != nil {
			return err
		}
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, err := m.Cluster(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		invitation.Cluster, invitation.Namespace = cluster.Name, cluster.Namespace
		view, err := m.Invite(cmd.Context(), invitation, server)
		if err != nil {
			return err
		}
		return c.Print(console.Result{Value: view, Names: []string{view.Command}, Table: func(w io.Writer) {
			fmt.Fprintf(w, "Run this as root on the machine, before %s:\n\n%s\n", invitation.Expires.Local().Format(time.DateTime), view.Command)
		}})
	}
	return cmd
}

var allRoles = []string{string(v1alpha1.RoleEtcd), string(v1alpha1.RoleControlPlane), string(v1alpha1.RoleWorker)}

func invite(roles []string, replace string, expires time.Time) (enroll.Invitation, error) {
	i := enroll.Invitation{Replace: replace, Expires: expires}
	if len(roles) == 0 {
		return i, console.Usagef("say what the machine does: --role etcd, control-plane or worker, several with commas")
	}
	for _, r := range roles {
		if !slices.Contains(allRoles, r) {
			return i, console.Usagef("--role %s: use %s", r, strings.Join(allRoles, ", "))
		}
		i.Roles = append(i.Roles, v1alpha1.Role(r))
	}
	return i, nil
}
