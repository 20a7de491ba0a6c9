package snapshot

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

func newDownload(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "download SNAPSHOT",
		Short: "Say how a snapshot's file is fetched",
		Long: `Say how a snapshot's file is fetched: from which machine, or from which bucket, and with which command.

The manager gives out no links to snapshots yet, and their bytes never pass through it. So nothing is fetched, and the exit
code is 3.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(1),
	}
	flags.Add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		s, err := m.Snapshot(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		chosen := best(s)
		if chosen == nil {
			return &problem.Error{Kind: problem.NotFound, Op: "find", Subject: "a copy of " + s.Name, Why: "none is left that could be restored"}
		}
		host := chosen.Machine
		if host != "" {
			machine := &v1alpha1.Machine{}
			machine.Namespace, machine.Name = s.Namespace, host
			if err := m.Get(cmd.Context(), machine); err == nil && len(machine.Status.Addresses) > 0 {
				host = machine.Status.Addresses[0]
			}
		}
		return &problem.Error{
			Kind: problem.Refused, Op: "download", Subject: s.Spec.File, Why: "the manager gives out no links to snapshots yet; nothing was fetched",
			Next: fetch(chosen, host),
		}
	}
	return cmd
}

// fetch is the command that gets a copy.
func fetch(c *v1alpha1.SnapshotCopy, host string) string {
	if c.Machine == "" {
		return fmt.Sprintf("aws s3 cp '%s' . with the target's keys; holdfast snapshot show --by-hand has all options", c.Location)
	}
	path := strings.TrimPrefix(c.Location, "file://")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("scp 'root@%s:%s' .", host, path)
}
