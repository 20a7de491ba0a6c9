package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// writeWAL writes the log of a cluster that has just been formed: one committed entry per member, and the mark of a
// raft snapshot behind them.
func (r *restorer) writeWAL() error {
	metadata, err := proto.Marshal(&etcdserverpb.Metadata{
		NodeID: proto.Uint64(uint64(r.plan.self)), ClusterID: proto.Uint64(uint64(r.plan.cluster.ID())),
	})
	if err != nil {
		return err
	}
	w, err := wal.Create(r.log, r.site.wal, metadata)
	if err == nil {
		err = errors.Join(r.writeEntries(w), w.Close())
	}
	if err != nil {
		return diskProblem("write the WAL of", r.Target.DataDir, err)
	}
	return nil
}

func (r *restorer) writeEntries(w *wal.WAL) error {
	ids := r.plan.cluster.MemberIDs()
	entries := make([]*raftpb.Entry, len(ids))
	voters := make([]uint64, len(ids))
	for i, id := range ids {
		voters[i] = uint64(id)
		member, err := json.Marshal(r.plan.cluster.Member(id))
		if err != nil {
			return err
		}
		data, err := proto.Marshal(&raftpb.ConfChange{
			Type: raftpb.ConfChangeAddNode.Enum(), NodeId: proto.Uint64(uint64(id)), Context: member,
		})
		if err != nil {
			return err
		}
		entries[i] = &raftpb.Entry{
			Type: raftpb.EntryConfChange.Enum(), Term: proto.Uint64(restoredTerm), Index: proto.Uint64(uint64(i + 1)), Data: data,
		}
	}
	commit := proto.Uint64(uint64(len(entries)))
	state := &raftpb.HardState{Term: proto.Uint64(restoredTerm), Vote: proto.Uint64(voters[0]), Commit: commit}
	if err := w.Save(state, entries); err != nil {
		return err
	}
	mark := &walpb.Snapshot{Index: commit, Term: proto.Uint64(restoredTerm), ConfState: &raftpb.ConfState{Voters: voters}}
	return errors.Join(r.writeSnap(mark), w.SaveSnapshot(mark))
}

// writeSnap writes the raft snapshot that the mark in the log speaks of. Without it a member up to 3.6 starts too, but
// with a log from the first entry on; and to a member that joins it, it would send that log, in which nothing of what was
// restored stands, instead of the database: the new member would vote with an empty one.
func (r *restorer) writeSnap(mark *walpb.Snapshot) error {
	dir := filepath.Join(r.site.member, "snap")
	err := snap.New(r.log, dir).SaveSnap(&raftpb.Snapshot{
		Data:     etcdserver.GetMembershipInfoInV2Format(r.log, r.plan.cluster),
		Metadata: &raftpb.SnapshotMetadata{Index: mark.Index, Term: mark.Term, ConfState: mark.ConfState},
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%016x-%016x.snap", mark.GetTerm(), mark.GetIndex())
	return os.Chmod(filepath.Join(dir, name), 0o600) // the library leaves that to the umask
}
