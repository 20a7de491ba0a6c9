package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/holdfast-dev/holdfast/test/distro/bootstrap"
	"github.com/holdfast-dev/holdfast/test/distro/etcd"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// resetDone is how a reset says that it has worked.
const resetDone = "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. " +
	"Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes"

// reset makes a cluster of this server alone, out of its own data or of a snapshot. The order of what it does to the disk is
// the real one's, since what it leaves when it fails follows from it.
func (s *Server) reset(ctx context.Context) error {
	if err := s.mayReset(); err != nil {
		return err
	}
	if err := s.endPods(); err != nil {
		return err
	}
	if err := s.dropBalancers(); err != nil {
		return err
	}
	if err := s.findPassword(); err != nil {
		return err
	}
	if err := s.resetAuthorities(); err != nil {
		return err
	}
	if err := s.resetDatabase(ctx); err != nil {
		return fmt.Errorf("starting kubernetes: failed to start cluster: start managed database: %w", err)
	}
	s.cfg.Log.Infof("%s is up and running", s.cfg.Flavor.Name) // a reset says so too
	daemon.SdNotify(false, daemon.SdNotifyReady)
	if text := s.cfg.Profile.ResetShutdown; text != "" {
		return &ShutdownError{text}
	}
	if err := s.awaitReset(ctx); err != nil {
		return err
	}
	if err := s.takeBootstrap(ctx); err != nil {
		return err
	}
	if err := s.stopKubelet(); err != nil {
		return err
	}
	if s.cfg.Profile.InfoMessage {
		s.cfg.Log.Info(resetDone)
		return nil
	}
	return &ShutdownError{resetDone}
}

// stopKubelet ends the pod that a reset has started, and asks the next start for new ones.
func (s *Server) stopKubelet() error {
	if !s.cfg.Flavor.StaticPods() {
		return nil
	}
	s.cfg.Log.Info("Shutting down kubelet and etcd")
	for _, part := range s.parts {
		if err := part.Stop(); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.cfg.DataDir, "force-restart"), nil, 0o600)
}

// mayReset checks what the real one checks before it touches anything.
func (s *Server) mayReset() error {
	if s.cfg.Server != "" {
		return errors.New("cannot perform cluster-reset while server URL is set - remove server from configuration before resetting")
	}
	if s.cfg.RestorePath == "" {
		if exists(s.cfg.resetFlag()) {
			return fmt.Errorf("Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start %s normally. "+
				"If you need to perform another cluster reset, you must first manually delete the file at %s", s.cfg.Flavor.Name, s.cfg.resetFlag())
		}
		return nil
	}
	if !s.cfg.TokenGiven && !exists(s.cfg.tokenFile()) {
		return fmt.Errorf("%s does not exist, please pass --token to complete the restoration", s.cfg.tokenFile())
	}
	return nil
}

// dropBalancers forgets the servers that this one has known.
func (s *Server) dropBalancers() error {
	files, err := filepath.Glob(filepath.Join(s.cfg.DataDir, "agent", "etc", "*load-balancer*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// resetAuthorities makes what etcd needs to start. The token is written with what is on disk now: if a snapshot brings other
// authorities, it is wrong until the next start.
func (s *Server) resetAuthorities() error {
	for _, dir := range []string{"db", "tls", "cred"} {
		if err := os.MkdirAll(s.cfg.in(dir), 0o700); err != nil {
			return err
		}
	}
	return errors.Join(s.tls.EnsureAuthorities(), s.tls.IssueLeaves(), s.ensureEncryption(), s.writeToken(), s.writePasswords(), s.writeKubeconfigs())
}

// resetDatabase puts the snapshot in place, if there is one, and starts etcd alone.
func (s *Server) resetDatabase(ctx context.Context) error {
	if s.cfg.RestorePath != "" {
		path, err := s.findSnapshot(ctx)
		if err != nil {
			return err
		}
		if err := s.moveAside(); err != nil {
			return err
		}
		if err := s.member.Restore(ctx, path); err != nil {
			return err
		}
	}
	if _, err := s.member.Rename(); err != nil {
		return err
	}
	if err := os.WriteFile(s.cfg.resetFlag(), nil, 0o600); err != nil {
		return err
	}
	process, err := s.member.Run(ctx, etcd.Start{Reset: true})
	if err != nil {
		return err
	}
	s.watch(ctx, "etcd", process)
	return nil
}

// findSnapshot is the path of what to restore: on disk, or fetched from S3 into the directory of snapshots.
func (s *Server) findSnapshot(ctx context.Context) (string, error) {
	path := s.cfg.RestorePath
	if s.cfg.Snapshot.S3 != nil {
		if s.cfg.Snapshot.S3.ConfigSecret != "" {
			return "", errors.New("cannot use S3 config secret when restoring snapshot; configuration must be set in CLI or config file")
		}
		s.cfg.Log.Infof("Retrieving etcd snapshot %s from S3", path)
		var err error
		if path, err = snapshot.Download(ctx, *s.cfg.Snapshot.S3, path, s.cfg.snapshotDir()); err != nil {
			return "", err
		}
	} else if !filepath.IsAbs(path) {
		path = s.cfg.in(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("etcd: snapshot path does not exist: %s", path)
	}
	if info.IsDir() {
		return "", fmt.Errorf("etcd: snapshot path must be a file, not a directory: %s", path)
	}
	return s.unzip(path)
}

// unzip has the bug of all releases since March 2026: the path is doubled.
func (s *Server) unzip(path string) (string, error) {
	if !strings.HasSuffix(path, ".zip") {
		return path, nil
	}
	if s.cfg.Profile.ZipRestores {
		return snapshot.Unpack(path)
	}
	doubled := filepath.Join(filepath.Dir(path), path)
	_, err := os.Open(doubled)
	return "", err
}

// moveAside comes before the snapshot is read: a bad one fails with the database gone from its place.
func (s *Server) moveAside() error {
	if !exists(s.member.Dir) {
		return nil
	}
	aside := s.cfg.in(fmt.Sprintf("db/etcd-old-%d", s.cfg.Now().Unix()))
	if err := os.Rename(s.member.Dir, aside); err != nil {
		return err
	}
	s.cfg.Log.Infof("Pre-restore etcd database moved to %s", aside)
	return nil
}

// awaitReset waits for etcd, without any bound.
func (s *Server) awaitReset(ctx context.Context) error {
	if s.cfg.Profile.EndlessReset {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s.awaitEtcd(ctx)
}

// takeBootstrap overwrites what is on disk with what the datastore has. Only here a wrong token is noticed.
func (s *Server) takeBootstrap(ctx context.Context) error {
	if _, err := s.etcd.Put(ctx, s.cfg.apiAddressesKey(), ""); err != nil {
		return err
	}
	data, err := bootstrap.Load(ctx, s.etcd, s.password)
	if errors.Is(err, bootstrap.ErrDifferentToken) {
		return s.wrongToken(err)
	} else if err != nil {
		return err
	}
	aside := s.cfg.in(fmt.Sprintf("tls-%d", time.Now().Unix()))
	if out, err := exec.CommandContext(ctx, "cp", "-a", s.tls.Dir, aside).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", s.tls.Dir, err, out)
	}
	s.forgetEncryption(data)
	if err := data.Overwrite(s.cfg.serverDir()); err != nil {
		return err
	}
	return errors.Join(s.tls.EnsureAuthorities(), s.tls.IssueLeaves())
}

// wrongToken ends in one of the ways that were seen: two parts of the real one race.
func (s *Server) wrongToken(err error) error {
	switch s.cfg.Profile.WrongToken {
	case "shutdown":
		return &ShutdownError{"failed to save bootstrap data: " + err.Error()}
	case "cancelled":
		s.cfg.Log.Errorf("Shutdown request received: %q", "failed to save bootstrap data: "+err.Error())
		return context.Canceled
	default:
		return fmt.Errorf("starting kubernetes: preparing server: failed to bootstrap cluster data: %w", err)
	}
}
