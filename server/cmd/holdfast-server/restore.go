package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
	"github.com/holdfast-dev/holdfast/server/selfbackup"
)

type restoreFlags struct {
	repository                   *settings.Flags
	dataDir                      *string
	latest                       bool
	identityFile, passphraseFile string
}

func newRestoreCommand(dataDir *string) *cobra.Command {
	f := &restoreFlags{repository: newBackupFlags().repository, dataDir: dataDir}
	cmd := &cobra.Command{
		Use:   "restore [NAME]",
		Short: "Bring a manager back from its backup, on this host",
		Long: `Makes the data directory from a backup. It must not exist, or be empty. Then start holdfast-server at the address that
the agents know: they reconnect by themselves.

Without a name it lists the backups; --latest takes the newest.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), args)
		},
	}
	f.repository.AddRepository(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.latest, "latest", false, "take the newest backup")
	flags.StringVar(&f.identityFile, "identity-file", "", "file (mode 0600) with the age identity, AGE-SECRET-KEY-…, of a recipient")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "file (mode 0600) with the passphrase, in place of an identity")
	return cmd
}

func (f *restoreFlags) run(ctx context.Context, out io.Writer, args []string) error {
	if f.latest && len(args) > 0 {
		return &problem.Error{Kind: problem.Usage, Op: "restore the manager", Why: "a name and --latest were given", Next: "give one of them"}
	}
	opened, err := f.repository.Open(false)
	if err != nil {
		return err
	}
	store := opened.Store()
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, backupCommandTimeout)
	defer cancel()
	if !f.latest && len(args) == 0 {
		return list(ctx, out, store)
	}
	cfg := selfbackup.RestoreConfig{Store: store, Dir: *f.dataDir}
	if len(args) > 0 {
		cfg.Name = args[0]
	}
	if cfg.Identities, err = selfbackup.Identities(f.identityFile, f.passphraseFile); err != nil {
		return err
	}
	restored, err := selfbackup.Restore(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is restored from %s, taken %s on %s.\nStart holdfast-server at the address that the agents know.\n",
		cfg.Dir, restored.Backup.Name, restored.Backup.Created.Format(time.RFC3339), restored.Host)
	return nil
}

func list(ctx context.Context, out io.Writer, store blob.Store) error {
	all, err := selfbackup.List(ctx, store)
	for _, b := range all {
		fmt.Fprintf(out, "%s  %s  %d bytes\n", b.Name, b.Created.Format(time.RFC3339), b.Size)
	}
	return err
}
