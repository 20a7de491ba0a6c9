package snapshot

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/storage/schema"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// The raft state of a restored member: the configuration entries that add each member, all committed in term 1.
const restoredTerm = 1

// edited is what edit did.
type edited struct {
	revision       int64
	storageVersion string
	alarms         []string
}

// edit turns the image of a member of the old cluster into one of the new cluster, in one transaction: membership,
// consistent index, versions, alarms, revision. The file has been checked; only now may bbolt open it.
func (r *restorer) edit(ctx context.Context, path string, f *finding) (*edited, error) {
	db, err := openForEdit(path, f.head.PageSize)
	if err != nil {
		return nil, fmt.Errorf("open the restored database: %w", err)
	}
	e := &edited{revision: f.head.Revision}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, change := range []func(*bolt.Tx) error{
			r.editMembers,
			r.editRaftState,
			func(tx *bolt.Tx) error { return e.clearAlarms(tx, f) },
			func(tx *bolt.Tx) error { return e.setVersions(tx, r.plan.version, f) },
			func(tx *bolt.Tx) error { return e.bump(tx, r.BumpRevision) },
		} {
			if err := change(tx); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("edit the restored database: %w", err)
	}
	return e, nil
}

// openForEdit opens the database for one small transaction, without a search for its free pages.
func openForEdit(path string, pageSize int) (*bolt.DB, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(mvcc.DeclareFull(file), file.Close()); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: 10 * time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, PageSize: pageSize,
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = pageSize // grows by what is written, not by 16 MiB
	return db, nil
}

func emptyBucket(tx *bolt.Tx, name []byte) (*bolt.Bucket, error) {
	if tx.Bucket(name) != nil {
		if err := tx.DeleteBucket(name); err != nil {
			return nil, err
		}
	}
	return tx.CreateBucket(name)
}

func (r *restorer) editMembers(tx *bolt.Tx) error {
	if _, err := emptyBucket(tx, schema.MembersRemoved.Name()); err != nil {
		return err
	}
	members, err := emptyBucket(tx, schema.Members.Name())
	if err != nil {
		return err
	}
	for _, m := range r.plan.cluster.Members() {
		value, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := members.Put(schema.BackendMemberKey(m.ID), value); err != nil {
			return err
		}
	}
	return nil
}

func (r *restorer) editRaftState(tx *bolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(schema.Meta.Name())
	if err != nil {
		return err
	}
	state, err := json.Marshal(confState(r.plan.cluster))
	if err != nil {
		return err
	}
	index := uint64(len(r.plan.cluster.Members()))
	for key, value := range map[string][]byte{
		string(schema.MetaConsistentIndexKeyName): binary.BigEndian.AppendUint64(nil, index),
		string(schema.MetaTermKeyName):            binary.BigEndian.AppendUint64(nil, restoredTerm),
		string(schema.MetaConfStateName):          state,
	} {
		if err := meta.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}

// jsonConfState is raft's ConfState in the JSON form that all of 3.5 to 3.7 read from the meta bucket.
type jsonConfState struct {
	Voters    []uint64 `json:"voters"`
	AutoLeave bool     `json:"auto_leave"`
}

func confState(cluster *membership.RaftCluster) jsonConfState {
	var s jsonConfState
	for _, id := range cluster.MemberIDs() {
		s.Voters = append(s.Voters, uint64(id))
	}
	return s
}

// clearAlarms removes what was raised when the snapshot was taken: alarms name members that no longer exist, nobody
// could disarm them, and a NOSPACE alarm would make the new cluster refuse each write.
func (e *edited) clearAlarms(tx *bolt.Tx, f *finding) error {
	for _, a := range f.head.Alarms {
		e.alarms = append(e.alarms, a.Type)
	}
	_, err := emptyBucket(tx, schema.Alarm.Name())
	return err
}

// setVersions retargets the database. Lowering takes both versions: with only the storage version lowered, etcd
// answers "invalid downgrade".
func (e *edited) setVersions(tx *bolt.Tx, rule versionRule, f *finding) error {
	e.storageVersion = f.head.StorageVersion
	target := rule.lower(f.head.StorageVersion, f.head.ClusterVersion)
	if target == nil {
		return nil
	}
	meta := tx.Bucket(schema.Meta.Name())
	cluster, err := tx.CreateBucketIfNotExists(schema.Cluster.Name())
	if err != nil {
		return err
	}
	if err := cluster.Put(schema.ClusterClusterVersionKeyName, []byte(target.String())); err != nil {
		return err
	}
	if err := cluster.Delete(schema.ClusterDowngradeKeyName); err != nil {
		return err
	}
	if target.LessThan(firstVersioned) {
		e.storageVersion = ""
		return meta.Delete(schema.MetaStorageVersionName)
	}
	e.storageVersion = target.String()
	return meta.Put(schema.MetaStorageVersionName, []byte(target.String()))
}

// bump raises the revision without an invented record: etcd starts at the highest of the last record's revision and
// the two compaction marks, and answers "required revision has been compacted" below them. What the mark covers is
// removed physically by the next compaction.
func (e *edited) bump(tx *bolt.Tx, amount uint64) error {
	if amount == 0 {
		return nil
	}
	if e.revision > math.MaxInt64-int64(amount) {
		return usage(fmt.Errorf("--bump-revision %d is too large for a database at revision %d", amount, e.revision))
	}
	e.revision += int64(amount)
	meta := tx.Bucket(schema.Meta.Name())
	mark := revisionMark(e.revision)
	for _, key := range [][]byte{schema.FinishedCompactKeyName, schema.ScheduledCompactKeyName} {
		if err := meta.Put(key, mark); err != nil {
			return err
		}
	}
	return nil
}

// revisionMark is a revision as a key of the "key" bucket spells it: main, "_", sub.
func revisionMark(main int64) []byte {
	mark := binary.BigEndian.AppendUint64(make([]byte, 0, 17), uint64(main))
	return binary.BigEndian.AppendUint64(append(mark, '_'), 0)
}
