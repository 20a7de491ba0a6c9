package mvcc

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/lease"
	etcdmvcc "go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.uber.org/zap"
)

func TestHeadTellsWhatTheServerStored(t *testing.T) {
	db := openFor(t, sample(t))
	got, err := db.Head(background)
	if err != nil {
		t.Fatal(err)
	}
	want := Head{
		PageSize: got.PageSize,
		Size:     int64(len(db.data)),
		TxID:     got.TxID,
		// Revision 1 is the empty store; sample makes ten changes.
		Revision:        11,
		CompactRevision: 8, FinishedCompact: 8, ScheduledCompact: 8,
		StorageVersion: "3.7.0", ClusterVersion: "3.7.0",
		ConsistentIndex: 1234, Term: 5,
		ClusterMembers: []Member{
			{ID: 0xbeef, PeerURLs: []string{"https://10.0.0.2:2380"}, Learner: true},
			{ID: 0xcafe, Name: "one", PeerURLs: []string{"https://10.0.0.1:2380"}, ClientURLs: []string{"https://10.0.0.1:2379"}},
		},
		Alarms:      []Alarm{{MemberID: 0xbeef, Type: "CORRUPT"}, {MemberID: 0xcafe, Type: "NOSPACE"}},
		AuthEnabled: true, AuthRevision: 7, Users: 2, Roles: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.TxID == 0 || got.PageSize < minPageSize {
		t.Errorf("transaction %d, page size %d", got.TxID, got.PageSize)
	}
}

func TestHeadCountsLeases(t *testing.T) {
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	lessor := lease.NewLessor(zap.NewNop(), s.be, nil, lease.LessorConfig{MinLeaseTTL: 1})
	defer lessor.Stop()
	const leases = 300 // more than fit on a page
	for id := range leases {
		if _, err := lessor.Grant(lease.LeaseID(id+1), 3600); err != nil {
			t.Fatal(err)
		}
	}
	path := s.path + ".snapshot"
	s.snapshot(path)
	s.stop()
	head, err := openFor(t, path).Head(background)
	if err != nil {
		t.Fatal(err)
	}
	if head.Leases != leases {
		t.Errorf("%d leases, want %d", head.Leases, leases)
	}
}

func TestAnEmptyStoreIsAtRevisionOne(t *testing.T) {
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	path := s.path + ".snapshot"
	s.snapshot(path)
	want, rev, err := s.HashStorage().HashByRev(0)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	content, err := openFor(t, path).Content(background)
	if err != nil {
		t.Fatal(err)
	}
	if content.Head.Revision != rev || content.HashKV != want.Hash || content.Records != 0 {
		t.Errorf("%+v; etcd is at %d with %+v", content, rev, want)
	}
}

func TestContentCountsWhatTheServerServes(t *testing.T) {
	path := sample(t)
	copyFile(t, path, path+".booted")
	booted := boot(t, path+".booted")
	defer booted.stop()
	read := booted.Read(etcdmvcc.ConcurrentReadTxMode, traceutil.TODO())
	all, err := read.Range(background, []byte{0}, []byte{0xff}, etcdmvcc.RangeOptions{})
	read.End()
	if err != nil {
		t.Fatal(err)
	}
	var bytes int64
	for _, kv := range all.KVs {
		bytes += int64(len(kv.Key) + len(kv.Value))
	}

	got, err := openFor(t, path).Content(background)
	if err != nil {
		t.Fatal(err)
	}
	// The compaction at 8 left d, e and the deletion of b before it; then large, the deletion of a, and b again.
	type counts struct{ Records, Live, Tombstones, LiveBytes int64 }
	want := counts{Records: got.Records, Live: int64(len(all.KVs)), Tombstones: 1, LiveBytes: bytes}
	if diff := cmp.Diff(want, counts{got.Records, got.LiveKeys, got.Tombstones, got.LiveBytes}); diff != "" {
		t.Error(diff)
	}
}

func TestMalformedSettingsAreDamage(t *testing.T) {
	for name, spoil := range map[string]func(*server){
		"member that is not JSON": func(s *server) {
			s.be.BatchTx().UnsafePut(schema.Members, schema.BackendMemberKey(types.ID(1)), []byte("{"))
		},
		"member id": func(s *server) {
			s.be.BatchTx().UnsafePut(schema.Members, []byte("first"), []byte("{}"))
		},
		"consistent index": func(s *server) {
			s.be.BatchTx().UnsafePut(schema.Meta, schema.MetaConsistentIndexKeyName, []byte{1})
		},
		"compaction": func(s *server) {
			s.be.BatchTx().UnsafePut(schema.Meta, schema.FinishedCompactKeyName, []byte("12345678_1234567"))
		},
		"alarm": func(s *server) {
			s.be.BatchTx().UnsafePut(schema.Alarm, []byte{0xff}, nil)
		},
		"version": func(s *server) {
			s.be.BatchTx().UnsafePut(schema.Cluster, schema.ClusterClusterVersionKeyName, make([]byte, 65))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, filepath.Join(t.TempDir(), "db"))
			s.settle()
			tx := s.be.BatchTx()
			tx.LockOutsideApply()
			spoil(s)
			tx.Unlock()
			s.snapshot(s.path + ".snapshot")
			s.stop()
			_, err := openFor(t, s.path+".snapshot").Head(background)
			mustBeDamage(t, err)
		})
	}
}
