package machine

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newGet(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get MACHINE",
		Aliases:           []string{"show"},
		Short:             "Show all that the manager knows of a machine",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteMachines(1),
	}
	flags.Add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		machine, err := m.Machine(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		seen, err := leases(cmd.Context(), m, machine.Namespace)
		if err != nil {
			return err
		}
		return c.Print(m.One(machine, func(w io.Writer) { describe(w, c.Now(), machine, seen[machine.Namespace+"/"+machine.Name]) }))
	}
	return cmd
}

func describe(w io.Writer, now time.Time, m *v1alpha1.Machine, seen time.Time) {
	s := &m.Status
	console.Pairs(w, "Name", m.Name, "Namespace", m.Namespace, "Roles", roles(m.Spec.Roles), "Host name", s.Hostname,
		"Addresses", strings.Join(s.Addresses, ", "), "Last seen", heard(now, seen), "Agent", s.AgentVersion,
		"Version", s.DistroVersion, "Epoch", fmt.Sprint(s.RestoreEpoch),
		"Last schedule", cell.Age(now, s.LastSchedule), "Next schedule", cell.Until(now, s.NextSchedule))
	if e := s.Etcd; e != nil {
		console.Pairs(w, "Member", fmt.Sprintf("%s %s, %s, of cluster %s", e.Name, e.ID, cell.Text(e.Role), e.ClusterID), "etcd", e.Version,
			"Database", fmt.Sprintf("%s, of which %s in use", quantity(e.Size), quantity(e.InUse)), "Revision", fmt.Sprint(e.Revision),
			"Raft", fmt.Sprintf("term %d, index %d", e.RaftTerm, e.RaftIndex), "Alarms", strings.Join(e.Alarms, ", "))
		for _, p := range e.Members {
			fmt.Fprintf(w, "Knows:  %s %s %s\n", cell.Text(p.Name), p.ID, strings.Join(p.PeerURLs, ","))
		}
	}
	for _, d := range s.Disks {
		fmt.Fprintf(w, "Disk of %s: %s free of %s\n", d.Path, console.Bytes(d.Free.Value()), console.Bytes(d.Total.Value()))
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(w, "%s: %s, %s\n", c.Type, c.Status, cmp.Or(c.Message, c.Reason))
	}
}
