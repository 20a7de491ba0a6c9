package machine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	coordination "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newList(c *console.Console, flags *manager.Flags) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "ls [CLUSTER]",
		Aliases: []string{"list"},
		Short:   "List the machines of a cluster, or of all",
		Long: `List the machines of a cluster, or of all.

SEEN: when the machine last renewed its lease, which it does every minute. DB and REVISION are its etcd member's. FREE is what is
left on its fullest disk.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	watch.AddList(cmd, &follow)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		namespace := m.Namespace
		if len(args) > 0 {
			cluster, err := m.Cluster(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			namespace = cluster.Namespace
		}
		return watch.List(cmd.Context(), c, m, follow, &v1alpha1.MachineList{}, namespace, func() error {
			return show(cmd.Context(), c, m, namespace, len(args) == 0)
		})
	}
	return cmd
}

// show prints the machines of a namespace, or of all.
func show(ctx context.Context, c *console.Console, m *manager.Manager, namespace string, spaces bool) error {
	var list v1alpha1.MachineList
	if err := m.List(ctx, &list, namespace); err != nil {
		return err
	}
	seen, err := leases(ctx, m, namespace)
	if err != nil {
		return err
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Machine) int {
		return strings.Compare(a.Namespace+"\x00"+a.Name, b.Namespace+"\x00"+b.Name)
	})
	return c.Print(manager.Many(m, list.Items, func(w io.Writer) { table(w, c.Now(), list.Items, seen, spaces) }))
}

// leases are when each machine was last heard of.
func leases(ctx context.Context, m *manager.Manager, namespace string) (map[string]time.Time, error) {
	var list coordination.LeaseList
	if err := m.List(ctx, &list, namespace); err != nil {
		return nil, err
	}
	seen := map[string]time.Time{}
	for _, l := range list.Items {
		if l.Spec.RenewTime != nil {
			seen[l.Namespace+"/"+l.Name] = l.Spec.RenewTime.Time
		}
	}
	return seen, nil
}

func table(w io.Writer, now time.Time, list []v1alpha1.Machine, seen map[string]time.Time, spaces bool) {
	if len(list) == 0 {
		fmt.Fprintln(w, "No machines. Let one join: holdfast machine join CLUSTER --role etcd")
		return
	}
	header := []string{"NAME", "ROLES", "READY", "SEEN", "ETCD", "VERSION", "DB", "REVISION", "FREE", "NEXT", "AGENT", "ADDRESS"}
	if spaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	var rows [][]string
	for i := range list {
		row := columns(now, &list[i], seen)
		if spaces {
			row = append([]string{list[i].Namespace}, row...)
		}
		rows = append(rows, row)
	}
	console.Columns(w, header, rows)
}

func columns(now time.Time, m *v1alpha1.Machine, seen map[string]time.Time) []string {
	s := &m.Status
	role, version, size, revision := cell.None, cell.Text(s.DistroVersion), cell.None, cell.None
	if e := s.Etcd; e != nil {
		role, size, revision = cell.Text(e.Role), quantity(e.Size), fmt.Sprint(e.Revision)
		if s.DistroVersion == "" {
			version = cell.Text(e.Version)
		}
		if len(e.Alarms) > 0 {
			role += " " + strings.Join(e.Alarms, ",")
		}
	}
	return []string{
		m.Name, roles(m.Spec.Roles), cell.Condition(s.Conditions, v1alpha1.MachineReady), heard(now, seen[m.Namespace+"/"+m.Name]),
		role, version, size, revision, free(s.Disks), cell.Until(now, s.NextSchedule), cell.Text(s.AgentVersion), address(s.Addresses),
	}
}

func heard(now, at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return cell.Age(now, &metav1.Time{Time: at})
}

func roles(list []v1alpha1.Role) string {
	var words []string
	for _, r := range list {
		words = append(words, string(r))
	}
	return strings.Join(words, ",")
}

func quantity(q *resource.Quantity) string {
	if q == nil {
		return cell.None
	}
	return console.Bytes(q.Value())
}

// free is what is left on the disk that has least, in bytes and of its size.
func free(disks []v1alpha1.Disk) string {
	if len(disks) == 0 {
		return cell.None
	}
	least := slices.MinFunc(disks, func(a, b v1alpha1.Disk) int { return a.Free.Cmp(b.Free) })
	text := console.Bytes(least.Free.Value())
	if total := least.Total.Value(); total > 0 {
		text += fmt.Sprintf(" (%d%%)", least.Free.Value()*100/total)
	}
	return text
}

func address(list []string) string {
	if len(list) == 0 {
		return cell.None
	}
	return list[0]
}
