package mvcc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	etcdmvcc "go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"pgregory.net/rapid"
)

// history runs random transactions and compactions against a real store.
type history struct {
	*server
	t       *rapid.T
	dir     string
	head    int64
	compact int64
	// past are snapshots that were taken on the way, and what the server's compaction was then.
	past []pastSnapshot
}

type pastSnapshot struct {
	path          string
	head, compact int64
}

func (h *history) randomTxn() {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 1, 4, rapid.ID).Draw(h.t, "keys")
	ops := make([]op, len(keys))
	for i, key := range keys {
		ops[i].key = key
		if rapid.IntRange(0, 2).Draw(h.t, "kind") > 0 {
			ops[i].value = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(h.t, "value")...)
		}
	}
	h.head = h.txn(ops...)
}

func (h *history) randomCompaction() {
	if h.head <= h.compact {
		return
	}
	h.compact = rapid.Int64Range(max(1, h.compact+1), h.head).Draw(h.t, "compaction")
	h.server.compact(h.compact)
}

func (h *history) take() {
	path := filepath.Join(h.dir, fmt.Sprintf("snapshot-%d", len(h.past)))
	h.snapshot(path)
	h.past = append(h.past, pastSnapshot{path, h.head, h.compact})
}

func TestHashKVIsWhatEtcdComputesAtEveryRevision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "mvcc")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		h := &history{server: boot(t, filepath.Join(dir, "db")), t: t, dir: dir, head: 1}
		defer h.stop()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				h.randomCompaction()
			case 1:
				h.take()
			default:
				h.randomTxn()
			}
		}
		h.take()
		for _, past := range h.past {
			h.compareWithBoot(past)
			h.compareWithCompactions(past)
		}
	})
}

// compareWithBoot compares with a server that boots from the snapshot, at every revision that it can serve.
func (h *history) compareWithBoot(past pastSnapshot) {
	h.t.Helper()
	path := filepath.Join(h.dir, "booted")
	copyFile(h.t, past.path, path)
	booted := boot(h.t, path)
	defer booted.stop()
	db, done := open(h.t, past.path)
	defer done()

	content, err := db.Content(background)
	if err != nil {
		h.t.Fatal(err)
	}
	want, head, err := booted.HashStorage().HashByRev(0)
	if err != nil {
		h.t.Fatal(err)
	}
	if content.HashKV != want.Hash || content.Head.Revision != head || content.Head.CompactRevision != max(0, want.CompactRevision) {
		h.t.Fatalf("content: hash %d at %d, compaction %d; etcd says %+v, head %d",
			content.HashKV, content.Head.Revision, content.Head.CompactRevision, want, head)
	}
	for rev := max(1, past.compact); rev <= head; rev++ {
		h.compareAt(db, booted, rev)
	}
	if _, err := db.HashKV(background, head+1, 0); !errors.Is(err, ErrFutureRev) {
		h.t.Fatalf("beyond the head: %v", err)
	}
}

func (h *history) compareAt(db *File, booted *server, rev int64) {
	h.t.Helper()
	want, _, err := booted.HashStorage().HashByRev(rev)
	if err != nil {
		h.t.Fatalf("etcd's hash at %d: %v", rev, err)
	}
	got, err := db.HashKV(background, rev, want.CompactRevision)
	if err != nil {
		h.t.Fatalf("hash at %d: %v", rev, err)
	}
	if got != want.Hash {
		h.t.Fatalf("hash at %d, compaction %d: %d, etcd says %d", rev, want.CompactRevision, got, want.Hash)
	}
}

// compareWithCompactions compares with the hashes that the live server stored when it compacted after the snapshot:
// that is how a snapshot is proven against the cluster that it came from.
func (h *history) compareWithCompactions(past pastSnapshot) {
	h.t.Helper()
	db, done := open(h.t, past.path)
	defer done()
	for _, want := range h.HashStorage().Hashes() {
		if want.Revision > past.head || max(0, want.CompactRevision) < past.compact {
			continue
		}
		if liveAt(h.t, db, want.Revision) == 0 {
			continue // etcd's two ways to this hash disagree: see hasher
		}
		got, err := db.HashKV(background, want.Revision, want.CompactRevision)
		if err != nil {
			h.t.Fatal(err)
		}
		if got != want.Hash {
			h.t.Fatalf("snapshot at %d, compaction %d: hash %d; the server stored %+v", past.head, past.compact, got, want)
		}
	}
}

// liveAt counts the keys that exist at a revision.
func liveAt(t fataler, db *File, rev int64) int {
	t.Helper()
	live := map[string]bool{}
	err := db.Records(background, func(r Record) error {
		if r.Main <= rev {
			live[string(r.Key)] = !r.Tombstone
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, alive := range live {
		if alive {
			n++
		}
	}
	return n
}

func TestHashKVRefusesWhatEtcdRefuses(t *testing.T) {
	path := sample(t)
	db := openFor(t, path)
	head, err := db.Head(background)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		revision, compact int64
		want              error
	}{
		{head.CompactRevision - 1, head.CompactRevision, ErrCompacted},
		{head.CompactRevision, head.CompactRevision, nil},
		{0, head.CompactRevision, nil},
		{head.Revision, head.CompactRevision, nil},
		{head.Revision + 1, head.CompactRevision, ErrFutureRev},
	} {
		if _, err := db.HashKV(background, c.revision, c.compact); !errors.Is(err, c.want) {
			t.Errorf("HashKV(%d, %d): %v, want %v", c.revision, c.compact, err, c.want)
		}
	}
}

// When no key is alive etcd's hash covers even what a compaction would remove.
func TestADatabaseThatWasEmptiedHasEtcdsHash(t *testing.T) {
	dir := t.TempDir()
	s := boot(t, filepath.Join(dir, "db"))
	defer s.stop()
	s.put("a", "1")
	s.compact(s.put("b", "1"))
	s.txn(op{"a", nil}, op{"b", nil})
	path := filepath.Join(dir, "snapshot")
	s.snapshot(path)
	compareWithFreshBoot(t, path)
}

// A server was killed after it had noted a compaction and before it had done it: it resumes at boot. The deletions that
// were newest may be gone already, so that the compaction is all that is left of the revision.
func TestAScheduledCompactionCountsAsDone(t *testing.T) {
	for name, ahead := range map[string]int64{"records remain": -1, "at the last record": 0, "records are gone": 3} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := boot(t, filepath.Join(dir, "db"))
			s.put("a", "1")
			s.put("a", "2")
			s.put("b", "1")
			s.delete("b")
			at := s.put("c", "1") + ahead
			tx := s.be.BatchTx()
			tx.LockOutsideApply()
			etcdmvcc.UnsafeSetScheduledCompact(tx, at)
			tx.Unlock()
			path := filepath.Join(dir, "snapshot")
			s.snapshot(path)
			s.stop()
			head := compareWithFreshBoot(t, path)
			if head.ScheduledCompact != at || head.FinishedCompact != 0 || head.CompactRevision != at {
				t.Errorf("%+v, scheduled %d", head, at)
			}
		})
	}
}

// compareWithFreshBoot compares Content with what a server says that boots from a copy of the file.
func compareWithFreshBoot(t *testing.T, path string) Head {
	t.Helper()
	content, err := openFor(t, path).Content(background)
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, path+".booted")
	booted := boot(t, path+".booted")
	defer booted.stop()
	want, head, err := booted.HashStorage().HashByRev(0)
	if err != nil {
		t.Fatal(err)
	}
	if content.HashKV != want.Hash || content.Head.Revision != head || content.Head.CompactRevision != want.CompactRevision {
		t.Errorf("hash %d at %d, compaction %d; etcd says %+v, head %d",
			content.HashKV, content.Head.Revision, content.Head.CompactRevision, want, head)
	}
	return content.Head
}

// etcdutl snapshot restore --bump-revision writes a record without key and value.
func TestABumpedDatabaseKeepsItsOldHash(t *testing.T) {
	path := sample(t)
	before := openFor(t, path)
	head, err := before.Head(background)
	if err != nil {
		t.Fatal(err)
	}
	want, err := before.HashKV(background, head.Revision, head.CompactRevision)
	if err != nil {
		t.Fatal(err)
	}

	const bump = 1_000_000
	copyFile(t, path, path+".bumped")
	s := boot(t, path+".bumped")
	tx := s.be.BatchTx()
	tx.LockOutsideApply()
	tx.UnsafePut(schema.Key, etcdmvcc.RevToBytes(etcdmvcc.Revision{Main: head.Revision + bump}, etcdmvcc.NewRevBytes()), []byte{})
	etcdmvcc.UnsafeSetScheduledCompact(tx, head.Revision+bump)
	tx.Unlock()
	s.snapshot(path + ".snapshot")
	s.stop()

	after := openFor(t, path+".snapshot")
	content, err := after.Content(background)
	if err != nil {
		t.Fatal(err)
	}
	if content.Head.Revision != head.Revision+bump || content.Head.CompactRevision != head.Revision+bump {
		t.Errorf("revision %d, compaction %d", content.Head.Revision, content.Head.CompactRevision)
	}
	got, err := after.HashKV(background, head.Revision, head.CompactRevision)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("hash at the old revision: %d, was %d", got, want)
	}
	checkLiveKeys(t, before, after)
	compareWithFreshBoot(t, path+".snapshot")
}

// checkLiveKeys compares what two databases serve, in each of the ways to count it.
func checkLiveKeys(t *testing.T, before, after *File) {
	t.Helper()
	count := func(f *File) (counts [3]int64) {
		content, err := f.Content(background)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := f.Stats(background)
		if err != nil {
			t.Fatal(err)
		}
		counts = [3]int64{content.LiveKeys, stats.Objects, 0}
		err = f.Live(background, nil, func(Record) error { counts[2]++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return counts
	}
	if diff := cmp.Diff(count(before), count(after)); diff != "" {
		t.Errorf("live keys by Content, Stats and Live (-before +after):\n%s", diff)
	}
}
