package cluster

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// importView is the JSON form of holdfast cluster import.
type importView struct {
	Cluster   string        `json:"cluster"`
	Namespace string        `json:"namespace"`
	Distro    string        `json:"distro"`
	Version   string        `json:"version,omitempty"`
	Machines  []machineView `json:"machines"`
}

// machineView is a machine, and the line with which it joins.
type machineView struct {
	Name  string          `json:"name"`
	Roles []v1alpha1.Role `json:"roles"`
	enroll.JoinLine
}

func newImport(c *console.Console, flags *manager.Flags) *cobra.Command {
	var w wanted
	var from, server string
	expires := enroll.DefaultTokenLife
	cmd := &cobra.Command{
		Use:   "import NAME --from KUBECONFIG",
		Short: "Register a running K3s or RKE2 cluster, and print the line with which each machine joins",
		Long: `Register a running K3s or RKE2 cluster, and print the line with which each machine joins.

The cluster is asked for its machines and its version, and nothing is changed in it. Each line is run once, as root, on its
machine. Nothing restarts there: the distribution goes on taking its snapshots, and Holdfast tests them, copies them, and tells
when one does not come.`,
		Args: cobra.ExactArgs(1),
	}
	flags.Add(cmd)
	w.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&from, "from", "", "kubeconfig of the cluster that is imported")
	fs.StringVar(&server, "server", "", "address that the machines reach the manager at, host[:port] (default what the manager says)")
	fs.Var(console.NewWait(&expires), "expires", "how long the lines work")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if from == "" {
			return console.Usagef("say which cluster: --from KUBECONFIG (holdfast cluster create does without)")
		}
		seen, err := survey(cmd.Context(), from)
		if err != nil {
			return err
		}
		if w.distro == "" {
			w.distro = string(seen.distro)
		}
		if w.distro == "" {
			return console.Usagef("no machine of %s says that it runs k3s or rke2: pass --distro", from)
		}
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, secret, err := w.objects(args[0], m.Namespace)
		if err != nil {
			return err
		}
		if err := create(cmd.Context(), m, cluster, secret); err != nil {
			return err
		}
		view := importView{Cluster: cluster.Name, Namespace: cluster.Namespace, Distro: w.distro, Version: seen.version}
		if err := view.invite(cmd.Context(), m, seen, c.Now().Add(expires), server); err != nil {
			return err
		}
		return c.Print(console.Result{Value: view, Names: view.commands(), Table: view.print})
	}
	return cmd
}

// invite makes a line for each machine.
func (v *importView) invite(ctx context.Context, m *manager.Manager, seen *surveyed, expires time.Time, server string) error {
	for _, n := range seen.nodes {
		line, err := m.Invite(ctx, enroll.Invitation{Cluster: v.Cluster, Namespace: v.Namespace, Roles: n.roles, Expires: expires}, server)
		if err != nil {
			return fmt.Errorf("the cluster is registered; invite %s: %w", n.name, err)
		}
		v.Machines = append(v.Machines, machineView{Name: n.name, Roles: n.roles, JoinLine: line})
	}
	return nil
}

func (v *importView) commands() []string {
	var lines []string
	for _, m := range v.Machines {
		lines = append(lines, m.Command)
	}
	return lines
}

func (v *importView) print(w io.Writer) {
	fmt.Fprintf(w, "Cluster %s is registered, in namespace %s: %s %s.\n", v.Cluster, v.Namespace, v.Distro, v.Version)
	if len(v.Machines) == 0 {
		fmt.Fprintf(w, "It has no Nodes. Add its machines: holdfast machine join %s --role etcd,control-plane\n", v.Cluster)
		return
	}
	fmt.Fprintf(w, "Run each line as root on its machine, before %s:\n", v.Machines[0].Expires.Local().Format(time.DateTime))
	for _, m := range v.Machines {
		var roles []string
		for _, r := range m.Roles {
			roles = append(roles, string(r))
		}
		fmt.Fprintf(w, "\n# %s (%s)\n%s\n", m.Name, strings.Join(roles, ", "), m.Command)
	}
}
