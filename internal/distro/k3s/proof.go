package k3s

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// prove compares what the reset has made with the snapshot: the hash of all records up to the snapshot's revision. The reset
// itself writes a few newer ones. etcd is stopped, so that nobody changes what is read.
func (r *reset) prove(ctx context.Context) (*distro.Restored, error) {
	r.cfg.Report("comparing the new data with the snapshot", "")
	want, err := r.wanted(ctx)
	if err != nil {
		return nil, err
	}
	hash, err := hashOf(ctx, r.node.at(r.node.etcdDir(), "member", "snap", "db"), want)
	if err != nil {
		return nil, fmt.Errorf("hash the new data: %w", err)
	}
	if hash != *want.HashKV {
		return nil, &problem.Error{
			Kind: problem.Damaged, Op: "restore", Subject: r.cfg.File, Err: snapshot.ErrDamaged,
			Why:  fmt.Sprintf("at revision %d the new data has the content hash %d, and the snapshot %d", want.Revision, hash, *want.HashKV),
			Next: "restore again; if it happens again, restore another snapshot",
		}
	}
	made := &distro.Restored{Revision: want.Revision, ContentHash: hash}
	made.ClusterID, made.MemberID, err = identityOf(r.node.at(r.node.etcdDir(), "member", "wal"))
	return made, err
}

// wanted describes the snapshot's content: as its manifest does, or else as it is.
func (r *reset) wanted(ctx context.Context) (*snapshot.Database, error) {
	if m := r.cfg.Manifest; m != nil && m.Database.HashKV != nil {
		return &m.Database, nil
	}
	src, err := snapshot.FileSource(r.cfg.File)
	if err != nil {
		return nil, err
	}
	shown, err := snapshot.Verify(ctx, snapshot.VerifyConfig{
		Source: src, Manifest: r.cfg.Manifest, Level: snapshot.LevelContent, SpoolDir: r.cfg.SpoolDir, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	if shown.Database.HashKV == nil {
		return nil, fmt.Errorf("hash %s: it has no content hash", r.cfg.File)
	}
	return &shown.Database, nil
}

// hashOf is the content hash of a database up to the state that is described.
func hashOf(ctx context.Context, path string, at *snapshot.Database) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	db, err := mvcc.Open(f, -1)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return db.HashKV(ctx, at.Revision, at.CompactRevision)
}

// identityOf reads who a member is, and of which cluster, in its log.
func identityOf(dir string) (cluster, member string, err error) {
	log, err := wal.OpenForRead(zap.NewNop(), dir, &walpb.Snapshot{})
	if err != nil {
		return "", "", fmt.Errorf("read the log %s: %w", filepath.Clean(dir), err)
	}
	defer log.Close()
	metadata, _, _, err := log.ReadAll()
	if err != nil && metadata == nil {
		return "", "", fmt.Errorf("read the log %s: %w", filepath.Clean(dir), err)
	}
	var id etcdserverpb.Metadata
	if err := proto.Unmarshal(metadata, &id); err != nil {
		return "", "", fmt.Errorf("read the log %s: %w", filepath.Clean(dir), err)
	}
	return etcd.FormatID(id.GetClusterID()), etcd.FormatID(id.GetNodeID()), nil
}
