package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.uber.org/zap"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// restorePlan is what a restore will do, worked out and checked before anything is written.
type restorePlan struct {
	cluster *membership.RaftCluster
	self    types.ID
	version versionRule
	// size of the database in bytes: exact with a manifest, else as good as the source tells.
	size int64
}

func plan(ctx context.Context, cfg RestoreConfig) (*restorePlan, error) {
	p, err := planSettings(cfg)
	if err != nil {
		return nil, err
	}
	p.size = unpackedSize(ctx, cfg.Source, cfg.Manifest)
	if m := cfg.Manifest; m != nil {
		if err := p.version.acceptVersion(m.Database.StorageVersion); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// CheckRestore refuses settings with which no snapshot could be restored, and a target that nothing could be restored
// into, before a snapshot has been looked for: Source and Manifest may be missing.
func CheckRestore(cfg RestoreConfig) error {
	if _, err := planSettings(cfg); err != nil {
		return err
	}
	_, err := newSite(cfg.Target)
	return err
}

// SweepRestore removes what restores into a target that were cut left beside it. What one published stays.
func SweepRestore(t Target) error {
	if _, err := newSite(t); problem.KindOf(err) != problem.Refused {
		return err
	}
	return nil // it swept, and refuses a target with something in it
}

func planSettings(cfg RestoreConfig) (*restorePlan, error) {
	p, err := planMembers(cfg.Target)
	if err != nil {
		return nil, usage(err)
	}
	if (cfg.BumpRevision > 0) != cfg.MarkCompacted {
		return nil, usage(errors.New("--bump-revision and --mark-compacted go together: " +
			"clients that hold newer revisions notice only that theirs is compacted"))
	}
	if cfg.BumpRevision > 1<<62 {
		return nil, usage(fmt.Errorf("--bump-revision %d is too large", cfg.BumpRevision))
	}
	if p.version, err = newVersionRule(cfg.EtcdVersion, cfg.RunVersion); err != nil {
		return nil, usage(err)
	}
	return p, nil
}

// planMembers works out cluster and member ids, with the rules of etcd's own bootstrap.
func planMembers(t Target) (*restorePlan, error) {
	if t.DataDir == "" {
		return nil, errors.New("--data-dir is missing")
	}
	peers, err := types.NewURLs(t.PeerURLs)
	if err != nil {
		return nil, fmt.Errorf("--initial-advertise-peer-urls %s: %w", strings.Join(t.PeerURLs, ","), err)
	}
	all, err := types.NewURLsMap(t.InitialCluster)
	if err != nil {
		return nil, fmt.Errorf("--initial-cluster %s: %w", t.InitialCluster, err)
	}
	if all[t.Name] == nil {
		return nil, fmt.Errorf("--name %s is none of the members in --initial-cluster %s", t.Name, t.InitialCluster)
	}
	server := config.ServerConfig{
		Logger: zap.NewNop(), Name: t.Name, PeerURLs: peers, InitialPeerURLsMap: all,
		InitialClusterToken: t.InitialClusterToken,
	}
	if err := server.VerifyBootstrap(); err != nil {
		return nil, fmt.Errorf("--name %s, --initial-cluster %s: %w", t.Name, t.InitialCluster, err)
	}
	cluster, err := membership.NewClusterFromURLsMap(zap.NewNop(), t.InitialClusterToken, all)
	if err != nil {
		return nil, fmt.Errorf("--initial-cluster %s: %w", t.InitialCluster, err)
	}
	return &restorePlan{cluster: cluster, self: cluster.MemberByName(t.Name).ID}, nil
}

func usage(err error) error {
	return &problem.Error{Kind: problem.Usage, Op: "restore", Err: err}
}
