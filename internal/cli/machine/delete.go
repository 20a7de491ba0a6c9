package machine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newDelete(c *console.Console, flags *manager.Flags) *cobra.Command {
	var yes, force bool
	cmd := &cobra.Command{
		Use:     "delete MACHINE",
		Aliases: []string{"rm"},
		Short:   "Take a machine from the manager; its agent's rights end",
		Long: `Take a machine from the manager. It asks first. Its agent's rights end within seconds, and no snapshot is taken on it by the
manager any more. Nothing on the machine is touched: its etcd goes on running, and every snapshot stays.

One whose etcd member is alive, or that an operation works on, is refused without --force: the operation would wait for it in
vain. To come back it has to join again.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteMachines(1),
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "also one that is in use")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		machine, err := m.Machine(ctx, args[0])
		if err != nil {
			return err
		}
		uses, err := inUse(ctx, m, c.Now(), machine)
		if err != nil {
			return err
		}
		if len(uses) > 0 && !force {
			return &problem.Error{
				Kind: problem.Refused, Op: "delete", Subject: "machine " + machine.Name, Why: strings.Join(uses, "; "),
				Next: "wait for its operation, or take its member out of etcd first; --force deletes it all the same",
			}
		}
		if !yes {
			if err := c.Ask(question(machine, uses), machine.Name); err != nil {
				return err
			}
		}
		if err := m.Delete(ctx, machine); err != nil {
			return err
		}
		return c.Print(m.One(machine, func(w io.Writer) {
			fmt.Fprintf(w, "Machine %s is deleted, and its agent's rights end. On the machine nothing was touched.\n", machine.Name)
		}))
	}
	return cmd
}

// inUse says what a machine is needed for.
func inUse(ctx context.Context, m *manager.Manager, now time.Time, machine *v1alpha1.Machine) ([]string, error) {
	var uses []string
	plan := &v1alpha1.MachinePlan{}
	plan.Namespace, plan.Name = machine.Namespace, machine.Name
	if err := m.Get(ctx, plan); err != nil && problem.KindOf(err) != problem.NotFound {
		return nil, err
	}
	if op := plan.Spec.Operation; op != nil {
		uses = append(uses, fmt.Sprintf("%s %s works on it", op.Kind, op.Name))
	}
	seen, err := leases(ctx, m, machine.Namespace)
	if err != nil {
		return nil, err
	}
	heardOf := seen[machine.Namespace+"/"+machine.Name]
	// A member that was well when the machine fell silent may be so still: a cable is pulled more often than a machine
	// ends. But nobody is kept from removing what has been silent for long.
	const silent = 5 * time.Minute
	e := machine.Status.Etcd
	if e == nil || !is(machine, v1alpha1.MachineEtcdHealthy) || now.Sub(heardOf) >= silent {
		return uses, nil
	}
	if out, err := removed(ctx, m, machine); err != nil || out {
		return uses, err
	}
	return append(uses, fmt.Sprintf("its etcd member %s (%s) is alive", e.Name, cell.Text(e.Role))), nil
}

// removed tells whether the members that answer agree that a silent machine's is none of them any more. What they said while
// it still answered tells nothing: it may have joined since.
func removed(ctx context.Context, m *manager.Manager, machine *v1alpha1.Machine) (bool, error) {
	if is(machine, v1alpha1.MachineReady) {
		return false, nil
	}
	var list v1alpha1.MachineList
	if err := m.List(ctx, &list, machine.Namespace); err != nil {
		return false, err
	}
	agree := false
	for i := range list.Items {
		other := &list.Items[i]
		e := other.Status.Etcd
		if e == nil || e.ClusterID != machine.Status.Etcd.ClusterID || !is(other, v1alpha1.MachineReady) || !is(other, v1alpha1.MachineEtcdHealthy) {
			continue
		}
		if slices.ContainsFunc(e.Members, func(p v1alpha1.PeerMember) bool { return p.ID == machine.Status.Etcd.ID }) {
			return false, nil
		}
		agree = agree || len(e.Members) > 0
	}
	return agree, nil
}

func is(machine *v1alpha1.Machine, condition string) bool {
	return cell.Is(machine.Status.Conditions, condition, metav1.ConditionTrue)
}

func question(machine *v1alpha1.Machine, uses []string) string {
	text := fmt.Sprintf("Machine %s will be unknown to the manager, and its agent has no rights there any more.", machine.Name)
	for _, use := range uses {
		text += "\nNOTE: " + use + "."
	}
	return text + "\nNothing on the machine is touched, and every snapshot stays."
}
