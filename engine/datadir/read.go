package datadir

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// Dir is where a member's data lies.
type Dir struct {
	Path string
	// WAL is its log's directory; empty when it lies in Path, as usual.
	WAL string
}

func (d Dir) database() string { return filepath.Join(d.Path, "member", "snap", "db") }

func (d Dir) log() string {
	if d.WAL != "" {
		return d.WAL
	}
	return filepath.Join(d.Path, "member", "wal")
}

// Member is what a data directory says of the member that it belongs to.
type Member struct {
	ClusterID, ID uint64
	// Head of the database.
	Head mvcc.Head
	// Missing counts the entries that the log knows to be committed, and that the database does not have. etcd writes its
	// database every 100 ms, so there are some after a power cut, until the member has been started once more. An entry that
	// changes nothing, as a failed transaction, may be counted too.
	Missing int
}

// Self is the member's own row in the table of members; its ID alone when it has none.
func (m *Member) Self() mvcc.Member {
	for _, row := range m.Head.ClusterMembers {
		if row.ID == m.ID {
			return row
		}
	}
	return mvcc.Member{ID: m.ID}
}

// Read reads who the member is, and how far its data goes.
//
// Errors: fs.ErrNotExist when there is no data, mvcc.ErrDamaged when it can't be what etcd has written.
func Read(ctx context.Context, d Dir) (*Member, error) {
	f, err := os.Open(d.database())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, err := headOf(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.database(), err)
	}
	m := &Member{Head: head}
	if err := m.readLog(d.log()); err != nil {
		return nil, fmt.Errorf("read the log %s: %w", d.log(), err)
	}
	return m, nil
}

func headOf(ctx context.Context, f *os.File) (mvcc.Head, error) {
	db, err := mvcc.Open(f, -1)
	if err != nil {
		return mvcc.Head{}, err
	}
	defer db.Close()
	return db.Head(ctx)
}

// readLog reads the log from where the database ends. Each of the log's files begins with what it is about and with what was
// committed then, so that older ones, which etcd deletes, are not needed.
func (m *Member) readLog(dir string) error {
	log, err := wal.OpenForRead(zap.NewNop(), dir, &walpb.Snapshot{Index: proto.Uint64(m.Head.ConsistentIndex)})
	if err != nil {
		return err
	}
	defer log.Close()
	// There is no snapshot record at just this index, which is an error that comes with all that was read.
	metadata, state, entries, err := log.ReadAll()
	if metadata == nil {
		return err
	}
	var id etcdserverpb.Metadata
	if err := proto.Unmarshal(metadata, &id); err != nil {
		return err
	}
	m.ClusterID, m.ID = id.GetClusterID(), id.GetNodeID()
	for _, e := range entries {
		if e.GetIndex() <= state.GetCommit() && (e.GetType() != raftpb.EntryNormal || len(e.GetData()) > 0) {
			m.Missing++
		}
	}
	return nil
}
