package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
	"github.com/holdfast-dev/holdfast/server/manager"
	"github.com/holdfast-dev/holdfast/server/selfbackup"
)

// backupCommandTimeout bounds the command "backup".
const backupCommandTimeout = time.Hour

// backupFlags say where the manager's backups go and who may open them.
type backupFlags struct {
	repository     *settings.Flags
	recipients     []string
	passphraseFile string
	keep           int
	schedule       string
}

func newBackupFlags() *backupFlags {
	return &backupFlags{repository: settings.NewFlags(&console.Console{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now, Version: version,
	})}
}

func (b *backupFlags) add(cmd *cobra.Command) {
	b.repository.AddRepository(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&b.recipients, "backup-recipient", nil, "age public key, age1…, whose owner can open the backups; may be repeated")
	flags.StringVar(&b.passphraseFile, "backup-passphrase-file", "", "file (mode 0600) with a passphrase that opens the backups, in place of recipients")
	flags.IntVar(&b.keep, "backup-keep", 14, "how many backups of this manager stay")
}

// addSchedule names the repository as a server's flag: it is not what the server works with, but where it saves itself.
func (b *backupFlags) addSchedule(cmd *cobra.Command) {
	b.add(cmd)
	flags := cmd.Flags()
	repo := flags.Lookup("repo")
	repo.Hidden = true
	flags.Var(repo.Value, "backup-repo", "repository of the manager's own backups: file:///dir or s3://bucket/folder (default: it is not backed up)")
	flags.StringVar(&b.schedule, "backup-schedule", "15 */6 * * *", "when the manager backs itself up, in cron's five fields")
}

// config is nil when no repository was given.
func (b *backupFlags) config() (*manager.BackupConfig, error) {
	c, err := b.once()
	if err != nil {
		return nil, err
	}
	c.Schedule, err = cron.ParseStandard(b.schedule)
	if err != nil {
		return nil, &problem.Error{Kind: problem.Usage, Op: "read --backup-schedule", Subject: b.schedule, Err: err, Next: `give five fields, as "15 */6 * * *"`}
	}
	return c, nil
}

func (b *backupFlags) once() (*manager.BackupConfig, error) {
	if b.keep < 1 {
		return nil, &problem.Error{Kind: problem.Usage, Op: "read --backup-keep", Why: "at least one backup has to stay"}
	}
	if err := b.repository.CheckRepository(); err != nil {
		return nil, err
	}
	recipients, err := selfbackup.Recipients(b.recipients, b.passphraseFile)
	if err != nil {
		return nil, err
	}
	return &manager.BackupConfig{
		Open: b.open, Recipients: recipients, Keep: b.keep, SpoolDir: b.repository.SpoolDir(), Tool: "holdfast-server " + version,
	}, nil
}

func (b *backupFlags) open() (blob.Store, error) {
	opened, err := b.repository.Open(true)
	if err != nil {
		return nil, err
	}
	return opened.Store(), nil
}

func newBackupCommand(dataDir, level *string) *cobra.Command {
	b := newBackupFlags()
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Back up the manager that runs on this host, now",
		Long: `Backs up the manager that runs on this host: its database, checked from end to end, with the keys without which it
is of no use, in one file that only the recipients can open.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.run(cmd.Context(), cmd.OutOrStdout(), *dataDir, *level)
		},
	}
	b.add(cmd)
	return cmd
}

func (b *backupFlags) run(ctx context.Context, out io.Writer, dataDir, level string) error {
	log, err := newLogger(level)
	if err != nil {
		return err
	}
	how, err := b.once()
	if err != nil {
		return err
	}
	cfg := manager.Config{DataDir: dataDir, Backup: how, Logger: log, Now: time.Now}
	id, err := manager.Identify(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, backupCommandTimeout)
	defer cancel()
	made, err := manager.SaveOnce(ctx, cfg, id)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, made.Name)
	return nil
}
