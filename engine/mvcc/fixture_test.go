package mvcc

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/api/v3/authpb"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	etcdmvcc "go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.uber.org/zap"
)

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// server is the storage of an etcd server, without the server: the real backend and the real mvcc store.
type server struct {
	t    fataler
	path string
	be   backend.Backend
	etcdmvcc.KV
}

// boot opens the database at path, or makes one.
func boot(t fataler, path string) *server {
	t.Helper()
	cfg := backend.DefaultBackendConfig(zap.NewNop())
	cfg.Path = path
	cfg.UnsafeNoFsync = true
	cfg.MmapSize = 1 << 28
	be := backend.New(cfg)
	store := etcdmvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, etcdmvcc.StoreConfig{})
	return &server{t: t, path: path, be: be, KV: store}
}

func (s *server) stop() {
	if err := s.Close(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.be.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// op is a put, or a deletion when value is nil.
type op struct {
	key   string
	value []byte
}

// txn applies ops in one transaction and returns the revision after it.
func (s *server) txn(ops ...op) int64 {
	w := s.Write(traceutil.TODO())
	var rev int64
	for _, o := range ops {
		if o.value == nil {
			_, rev = w.DeleteRange([]byte(o.key), nil)
		} else {
			rev = w.Put([]byte(o.key), o.value, lease.NoLease)
		}
	}
	w.End()
	return rev
}

func (s *server) put(key, value string) int64 { return s.txn(op{key, []byte(value)}) }

func (s *server) delete(key string) int64 { return s.txn(op{key, nil}) }

// compact waits until the compaction is done.
func (s *server) compact(rev int64) {
	s.t.Helper()
	done, err := s.Compact(traceutil.TODO(), rev)
	if err != nil {
		s.t.Fatalf("compact at %d: %v", rev, err)
	}
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("the compaction at %d does not end", rev)
	}
}

// snapshot writes what etcd streams to its clients, without the checksum.
func (s *server) snapshot(path string) {
	s.t.Helper()
	snap := s.be.Snapshot()
	defer func() { _ = snap.Close() }()
	file, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := snap.WriteTo(file); err != nil {
		s.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// settle fills every bucket that etcd has.
func (s *server) settle() {
	members := schema.NewMembershipBackend(zap.NewNop(), s.be)
	members.MustCreateBackendBuckets()
	members.MustSaveMemberToBackend(&membership.Member{
		ID:             0xcafe,
		RaftAttributes: membership.RaftAttributes{PeerURLs: []string{"https://10.0.0.1:2380"}},
		Attributes:     membership.Attributes{Name: "one", ClientURLs: []string{"https://10.0.0.1:2379"}},
	})
	members.MustSaveMemberToBackend(&membership.Member{
		ID:             0xbeef,
		RaftAttributes: membership.RaftAttributes{PeerURLs: []string{"https://10.0.0.2:2380"}, IsLearner: true},
	})
	members.MustSaveClusterVersionToBackend(semver.New("3.7.0"))

	alarms := schema.NewAlarmBackend(zap.NewNop(), s.be)
	alarms.CreateAlarmBucket()
	alarms.MustPutAlarm(&etcdserverpb.AlarmMember{MemberID: 0xcafe, Alarm: etcdserverpb.AlarmType_NOSPACE})
	alarms.MustPutAlarm(&etcdserverpb.AlarmMember{MemberID: 0xbeef, Alarm: etcdserverpb.AlarmType_CORRUPT})

	auth := schema.NewAuthBackend(zap.NewNop(), s.be)
	auth.CreateAuthBuckets()
	tx := auth.BatchTx()
	tx.Lock()
	tx.UnsafeSaveAuthEnabled(true)
	tx.UnsafeSaveAuthRevision(7)
	tx.UnsafePutUser(&authpb.User{Name: []byte("root"), Options: &authpb.UserAddOptions{NoPassword: true}})
	tx.UnsafePutUser(&authpb.User{Name: []byte("backup"), Options: &authpb.UserAddOptions{NoPassword: true}})
	tx.UnsafePutRole(&authpb.Role{Name: []byte("root")})
	tx.Unlock()

	schema.CreateMetaBucket(s.be.BatchTx())
	batch := s.be.BatchTx()
	batch.LockOutsideApply()
	batch.UnsafeCreateBucket(schema.Lease)
	schema.UnsafeUpdateConsistentIndexForce(batch, 1234, 5)
	schema.UnsafeSetStorageVersion(batch, semver.New("3.7.0"))
	batch.UnsafePut(schema.MembersRemoved, schema.BackendMemberKey(types.ID(0xdead)), []byte("removed"))
	batch.Unlock()
	s.be.ForceCommit()
}

// sample is a small database with every bucket filled, a compaction, deletions, old revisions and a large value.
func sample(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	s := boot(t, filepath.Join(dir, "db"))
	s.settle()
	for _, key := range []string{"a", "b", "c", "d"} {
		s.put(key, "first "+key)
	}
	s.delete("b")
	s.txn(op{"a", []byte("second")}, op{"e", []byte{}}, op{"c", nil})
	s.compact(s.put("d", "second"))
	s.put("large", string(make([]byte, 9000)))
	s.delete("a")
	s.put("b", "again")
	path := filepath.Join(dir, "snapshot")
	s.snapshot(path)
	s.stop()
	return path
}

func open(t fataler, path string) (*File, func()) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(file, -1)
	if err != nil {
		t.Fatal(err)
	}
	return db, func() {
		_ = db.Close()
		_ = file.Close()
	}
}

// openFor is open for a whole test.
func openFor(t testing.TB, path string) *File {
	t.Helper()
	db, done := open(t, path)
	t.Cleanup(done)
	return db
}

// fromBytes looks at bytes that are in no file.
func fromBytes(data []byte) (*File, error) {
	return newFile(data, func([]byte) error { return nil })
}

// copyFile copies a database, so that a server can be booted from it.
func copyFile(t fataler, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

var background = context.Background()
