package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/holdfast-dev/holdfast/server/manager"
)

// startTimeout bounds the time until the manager is ready.
const startTimeout = 3 * time.Minute

type runFlags struct {
	config   manager.Config
	backup   *backupFlags
	logLevel string
}

func newCommand() *cobra.Command {
	f := &runFlags{config: manager.Config{Now: time.Now}, backup: newBackupFlags()}
	cmd := &cobra.Command{
		Use:   "holdfast-server",
		Short: "Manage the backups of a fleet of Kubernetes clusters",
		Long: `Runs the manager: the API, the port that machines and people reach it at, and the controllers.

It brings its own Kubernetes API server and database, and keeps both in --data-dir. With --kubeconfig or --in-cluster it uses
an existing cluster instead; that must not be one which it restores.`,
		Args:          cobra.NoArgs,
		Version:       version,
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("backup-repo") {
				var err error
				if f.config.Backup, err = f.backup.config(); err != nil {
					return err
				}
			}
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.add(cmd)
	f.backup.addSchedule(cmd)
	cmd.AddCommand(newBackupCommand(&f.config.DataDir, &f.logLevel), newRestoreCommand(&f.config.DataDir))
	return cmd
}

func (f *runFlags) add(cmd *cobra.Command) {
	c, flags := &f.config, cmd.Flags()
	cmd.PersistentFlags().StringVar(&c.DataDir, "data-dir", "/var/lib/holdfast-server", "where everything is kept")
	cmd.PersistentFlags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&c.Listen, "listen", ":8443", "address of the one port")
	flags.StringSliceVar(&c.Advertise, "advertise-address", nil, "names or addresses that machines reach this manager at, the preferred first (default: this host's own)")
	flags.StringVar(&c.Kubeconfig, "kubeconfig", "", "use this existing cluster's API in place of an own one")
	flags.BoolVar(&c.InCluster, "in-cluster", false, "use the API of the cluster that this program is a pod of in place of an own one")
	flags.BoolVar(&c.ApplyManifests, "apply-manifests", false, "bring Holdfast's definitions and roles to the existing cluster")
	cmd.MarkFlagsMutuallyExclusive("kubeconfig", "in-cluster")
	flags.StringVar(&c.Agents, "agent-dir", "", "folder with the agents' programs, holdfast-agent-OS-ARCH (default: that of this program)")
}

func (f *runFlags) run(ctx context.Context, out io.Writer) error {
	var err error
	if f.config.Logger, err = newLogger(f.logLevel); err != nil {
		return err
	}
	if f.config.Agents == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		f.config.Agents = filepath.Dir(self)
	}
	systemd, err := newSystemd()
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	m, err := manager.Start(starting, f.config)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	m.Welcome(out, isTerminal(out))
	if err := systemd.tell(daemon.SdNotifyReady); err != nil {
		return errors.Join(fmt.Errorf("tell systemd that the manager is ready: %w", err), m.Stop())
	}
	err = m.Wait(ctx)
	return errors.Join(err, systemd.tell(daemon.SdNotifyStopping), m.Stop())
}

func isTerminal(w io.Writer) bool {
	file, is := w.(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
}
