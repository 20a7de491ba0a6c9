package mvcc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/lease"
)

// benchDB returns a snapshot of HOLDFAST_BENCH_MIB (64) megabytes of 4 KB objects, a tenth of them changed once, with a
// compaction in the middle. HOLDFAST_BENCH_DB names a file to use instead, and to make if it is not there.
func benchDB(b *testing.B) string {
	b.Helper()
	path := os.Getenv("HOLDFAST_BENCH_DB")
	if path == "" {
		path = filepath.Join(b.TempDir(), "bench")
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	mib := 64
	if s := os.Getenv("HOLDFAST_BENCH_MIB"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		mib = n
	}
	s := boot(b, filepath.Join(b.TempDir(), "db"))
	defer s.stop()
	random := rand.New(rand.NewChaCha8([32]byte{1}))
	objects := mib << 20 / 4600
	for i := range objects {
		s.putObject(random, i)
	}
	for n := range objects / 10 {
		rev := s.putObject(random, random.IntN(objects))
		if n == objects/20 {
			s.compact(rev)
		}
	}
	s.snapshot(path)
	return path
}

// putObject writes one object of 1 to 7 KB in the manner of the API server.
func (s *server) putObject(random *rand.Rand, i int) int64 {
	namespace, name := fmt.Sprintf("team-%d", i%97), fmt.Sprintf("web-%08d", i)
	meta := wireText(1, name) + wireText(3, namespace)
	raw := wireText(1, meta) + wireText(2, filler(random, 1000+random.IntN(6000)))
	value := "k8s\x00" + wireText(1, wireText(1, "v1")+wireText(2, "Pod")) + wireText(2, raw)
	w := s.Write(traceutil.TODO())
	defer w.End()
	return w.Put([]byte("/registry/pods/"+namespace+"/"+name), []byte(value), lease.NoLease)
}

func filler(random *rand.Rand, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte('a' + random.IntN(26))
	}
	return string(b)
}

func benchmark(b *testing.B, run func(*File) error) {
	path := benchDB(b)
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		db, err := Open(file, -1)
		if err != nil {
			b.Fatal(err)
		}
		if err := run(db); err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	benchmark(b, func(f *File) error { _, err := f.Check(b.Context()); return err })
}

func BenchmarkContent(b *testing.B) {
	benchmark(b, func(f *File) error { _, err := f.Content(b.Context()); return err })
}

func BenchmarkStats(b *testing.B) {
	benchmark(b, func(f *File) error { _, err := f.Stats(b.Context()); return err })
}

func BenchmarkHead(b *testing.B) {
	benchmark(b, func(f *File) error { _, err := f.Head(b.Context()); return err })
}

// BenchmarkBboltCheck is what Content is measured against: the check that etcdutl begins with.
func BenchmarkBboltCheck(b *testing.B) {
	path := benchDB(b)
	for b.Loop() {
		db, err := bbolt.Open(path, 0o400, &bbolt.Options{ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := checkWithBbolt(db); err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// checkWithBbolt returns the first thing that bbolt does not like.
func checkWithBbolt(db *bbolt.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		return first
	})
}
