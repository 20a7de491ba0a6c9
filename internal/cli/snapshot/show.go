package snapshot

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newShow(c *console.Console, flags *manager.Flags) *cobra.Command {
	var manual bool
	cmd := &cobra.Command{
		Use:   "show SNAPSHOT",
		Short: "Show all that is known of a snapshot",
		Long: `Show all that is known of a snapshot, given by its name or its file's.

--by-hand prints the commands that restore it with stock tools alone, without holdfast.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(1),
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&manual, "by-hand", false, "print the commands that restore it with stock tools")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		s, err := m.Snapshot(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if manual {
			return printByHand(cmd.Context(), c, m, s)
		}
		return c.Print(m.One(s, func(w io.Writer) { describe(w, c.Now(), s) }))
	}
	return cmd
}

func printByHand(ctx context.Context, c *console.Console, m *manager.Manager, s *v1alpha1.EtcdSnapshot) error {
	cluster, err := clusterOf(ctx, m, s.Namespace)
	if err != nil {
		return err
	}
	var machines v1alpha1.MachineList
	if err := m.List(ctx, &machines, s.Namespace); err != nil {
		return err
	}
	r, err := byHand(s, cluster, machines.Items)
	if err != nil {
		return err
	}
	return c.Print(r)
}

func describe(w io.Writer, now time.Time, s *v1alpha1.EtcdSnapshot) {
	f := &s.Spec.SnapshotFacts
	hash := ""
	if f.ContentHash != nil {
		hash = fmt.Sprintf("%d at revision %d, compacted %d", *f.ContentHash, f.Revision, f.CompactRevision)
	}
	console.Pairs(w,
		"Name", s.Name, "File", s.Spec.File, "Namespace", s.Namespace, "State", string(s.Status.State),
		"Created", f.Created.Local().Format(time.RFC1123Z)+", "+cell.Age(now, &f.Created)+" ago", "Trigger", f.Trigger,
		"Backup", f.Backup, "Node", f.Node, "Size", console.Bytes(s.Status.Size), "Revision", fmt.Sprint(f.Revision),
		"Content hash", hash, "etcd", f.EtcdVersion, "Kubernetes", f.KubernetesVersion, "Configuration", f.ConfigDigest, "Token", f.TokenDigest)
	for _, c := range s.Status.Copies {
		fmt.Fprintf(w, "\nCopy:      %s%s\n", c.Location, on(c.Machine))
		console.Pairs(w, "State", stateOf(c), "Size", console.Bytes(c.Size), "SHA-256", c.SHA256)
		for _, e := range c.Evidence {
			fmt.Fprintln(w, test(e))
		}
	}
}

func on(machine string) string {
	if machine == "" {
		return ""
	}
	return " on " + machine
}

func stateOf(c v1alpha1.SnapshotCopy) string {
	if c.Message == "" {
		return string(c.State)
	}
	return string(c.State) + ": " + c.Message
}

func test(e v1alpha1.Evidence) string {
	line := fmt.Sprintf("Evidence:  %s %s at %s%s", e.Level, e.Outcome, e.At.UTC().Format(time.RFC3339), on(e.Machine))
	if e.Took != nil {
		line += " in " + e.Took.Round(time.Millisecond).String()
	}
	if e.Reason != "" {
		line += ": " + e.Reason
	}
	return line
}
