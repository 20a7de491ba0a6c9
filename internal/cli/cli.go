// Package cli is the command line of holdfast: the root command, and how it ends.
//
// Each noun has a package of its own below this one. Start reading at [Run].
package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/etcd"
	"github.com/holdfast-dev/holdfast/internal/cli/repo"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// Run executes a command line and returns the exit code.
func Run(ctx context.Context, c *console.Console, args []string) int {
	root := NewCommand(c)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		// Only the user's own signal counts: parts of the work are cancelled when another part has failed.
		if ctx.Err() != nil {
			return c.Interrupted()
		}
		return c.Fail(err)
	}
	return 0
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
  5  no such snapshot, repository, bucket or file
  6  no answer from etcd or the repository
  7  credentials or rights are missing
  8  a disk is full
130  interrupted`,
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
	root.SetFlagErrorFunc(usage)
	fs := root.PersistentFlags()
	fs.VarP(&c.Format, "output", "o", "output format: "+strings.Join(console.Formats, ", "))
	fs.BoolVarP(&c.Quiet, "quiet", "q", false, "print results and errors only")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(console.Formats, cobra.ShellCompDirectiveNoFileComp))
	flags.AddGlobal(root)
	root.AddCommand(etcd.NewCommand(c, flags), repo.NewCommand(c, flags))
	requireKnownArguments(root)
	return root
}

// requireKnownArguments words cobra's complaints about arguments as usage errors, and makes an unknown subcommand one
// at every level.
func requireKnownArguments(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, sub := range cmd.Commands() {
		requireKnownArguments(sub)
	}
}

// usage words a complaint about the command line. The program's own name stands before every error already.
func usage(cmd *cobra.Command, err error) error {
	path := cmd.CommandPath()
	_, command, _ := strings.Cut(path, " ")
	return &problem.Error{Kind: problem.Usage, Op: command, Err: err, Next: path + " --help"}
}
