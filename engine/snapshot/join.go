package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// JoinConfig says which member of a running cluster a data directory is to become.
type JoinConfig struct {
	// DataDir must not exist or be empty, WALDir, when it is not empty, must not exist.
	DataDir, WALDir string
	// ClusterID and MemberID as etcd gave them when the member was added: hexadecimal.
	ClusterID, MemberID string
}

// Join makes the data directory of a member that has been added to a running cluster and has never started: what etcd
// itself leaves there when it is killed right after its first start with --initial-cluster-state=existing. That is a log
// without entries that names cluster and member. An etcd that starts on it knows nobody; the leader finds it and sends
// all that there is. It can't form a cluster of its own, because it has no members to count.
//
// etcd does not look at its --initial-… flags where there is a log, so it does not matter what they say.
//
// As with [Restore], the data directory is either absent (or empty, as it was) or complete.
func Join(ctx context.Context, cfg JoinConfig) error {
	metadata, err := cfg.metadata()
	if err != nil {
		return err
	}
	site, err := newSite(cfg.target())
	if err != nil {
		return err
	}
	if err := requireSpace("join with", 0, site.claims(0)...); err != nil {
		return err
	}
	defer site.discard()
	if err := site.create(); err != nil {
		return err
	}
	if err := writeEmptyLog(site, metadata); err != nil {
		return diskProblem("join with", cfg.DataDir, err)
	}
	return site.publish(ctx)
}

// CheckJoin returns why nothing could be made there, and removes what an interrupted one left.
func CheckJoin(cfg JoinConfig) error {
	if _, err := cfg.metadata(); err != nil {
		return err
	}
	site, err := newSite(cfg.target())
	if err != nil {
		return err
	}
	return requireSpace("join with", 0, site.claims(0)...)
}

func (c JoinConfig) target() Target { return Target{DataDir: c.DataDir, WALDir: c.WALDir} }

// metadata is what the log begins with.
func (c JoinConfig) metadata() ([]byte, error) {
	cluster, err := strconv.ParseUint(c.ClusterID, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("etcd's cluster id: %w", err)
	}
	member, err := strconv.ParseUint(c.MemberID, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("etcd's member id: %w", err)
	}
	return proto.Marshal(&etcdserverpb.Metadata{NodeID: proto.Uint64(member), ClusterID: proto.Uint64(cluster)})
}

func writeEmptyLog(s *site, metadata []byte) error {
	if err := os.MkdirAll(filepath.Join(s.member, "snap"), 0o700); err != nil {
		return err
	}
	w, err := wal.Create(zap.NewNop(), s.wal, metadata)
	if err != nil {
		return err
	}
	return errors.Join(w.Close(), s.sync())
}
