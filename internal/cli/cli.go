// Package cli is the command line of holdfast: the root command, and how it ends.
//
// Each noun has a package of its own below this one. Start reading at [Run].
package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/apply"
	"github.com/holdfast-dev/holdfast/internal/cli/cluster"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/doctor"
	"github.com/holdfast-dev/holdfast/internal/cli/etcd"
	"github.com/holdfast-dev/holdfast/internal/cli/machine"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/repo"
	"github.com/holdfast-dev/holdfast/internal/cli/restore"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
	"github.com/holdfast-dev/holdfast/internal/cli/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/target"
)

// Run executes a command line and returns the exit code.
func Run(ctx context.Context, c *console.Console, args []string) int {
	root := NewCommand(c)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil: // the user's own signal: parts of the work are cancelled also when another part has failed
		return c.Interrupted(err)
	case problem.KindOf(err) == problem.Usage && problem.NextOf(err) == "":
		err = &problem.Error{Err: err, Next: cmd.CommandPath() + " --help"}
	}
	return c.Fail(err)
}

// NewCommand returns the root command.
func NewCommand(c *console.Console) *cobra.Command {
	c.Format = console.Table
	flags := settings.NewFlags(c)
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Back up and restore etcd, and prove that each backup restores",
		Long: `Back up and restore etcd, and prove that each backup restores.

Exit codes:
  0  done
  1  failed, for a reason without a code of its own
  2  the command line or the config file is wrong
  3  refused by a check; nothing was changed
  4  a snapshot is damaged
  5  no such cluster, machine, snapshot, repository, bucket or file
  6  no answer from etcd, the repository or the manager
  7  credentials or rights are missing
  8  a disk is full
  9  the operation was begun and did not succeed
 10  the time to wait for the operation is over; it goes on
130  interrupted
141  whoever read the output has gone away`,
		Version:           c.Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.NoArgs,
		DisableAutoGenTag: true,
	}
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	root.SetVersionTemplate("holdfast {{.Version}}\n")
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpCommand(newHelp(root))
	fs := root.PersistentFlags()
	fs.VarP(&c.Format, "output", "o", "output format: "+strings.Join(console.Formats, ", "))
	fs.BoolVarP(&c.Quiet, "quiet", "q", false, "print results and errors only")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(console.Formats, cobra.ShellCompDirectiveNoFileComp))
	flags.AddGlobal(root)
	managed := manager.NewFlags(c)
	root.AddCommand(etcd.NewCommand(c, flags), repo.NewCommand(c, flags))
	root.AddCommand(cluster.NewCommand(c, managed), machine.NewCommand(c, managed), snapshot.NewCommand(c, managed),
		restore.NewCommand(c, managed), target.NewCommand(c, managed), doctor.NewCommand(c, managed), apply.NewCommand(c, managed))
	root.InitDefaultCompletionCmd()
	wordArguments(root)
	return root
}
