package e2e

import (
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// s3Bucket is the bucket that all S3 tests use; each in a folder of its own.
const s3Bucket = "backups"

// s3Part is the smallest part that S3 takes, so that few bytes make many parts.
const s3Part = 5 << 20

// s3Servers are the kinds of server that everything has to work on.
func s3Servers() map[string]func(*testing.T, server.S3Config) *server.S3 {
	return map[string]func(*testing.T, server.S3Config) *server.S3{
		"minio":     func(t *testing.T, cfg server.S3Config) *server.S3 { return servertest.MinIO(t, cfg).S3 },
		"versitygw": func(t *testing.T, cfg server.S3Config) *server.S3 { return servertest.VersityGW(t, cfg).S3 },
	}
}

// s3Bucketed makes the bucket on a server.
func s3Bucketed(t *testing.T, s *server.S3, versioned bool) {
	t.Helper()
	if err := s.MakeBucket(t.Context(), s3Bucket, versioned); err != nil {
		t.Fatal(err)
	}
}

// s3Settings are those of the server's root in a new folder.
func s3Settings(s *server.S3) s3.Config {
	return s3.Config{
		Bucket:    s3Bucket,
		Prefix:    "folder-" + strings.ToLower(rand.Text()[:10]),
		Endpoint:  s.Address,
		CAFile:    s.CAFile,
		Insecure:  s.CAFile == "",
		AccessKey: s.Root.AccessKey,
		SecretKey: s3.NewSecret(s.Root.SecretKey),
		PartSize:  s3Part,
		Retry:     retry.Policy{Initial: 10 * time.Millisecond, Max: time.Second, MaxElapsed: 30 * time.Second},
	}
}

func s3Open(t testing.TB, cfg s3.Config) *s3.Store {
	t.Helper()
	store, err := s3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// s3Suite describes a server to the conformance suite.
func s3Suite(s *server.S3, wrap func(blob.Store) blob.Store) blobtest.Suite {
	var settings sync.Map // of each store
	open := func(t *testing.T, cfg s3.Config) blob.Store {
		store := wrap(s3Open(t, cfg))
		settings.Store(store, cfg)
		return store
	}
	of := func(store blob.Store) s3.Config {
		cfg, _ := settings.Load(store)
		return cfg.(s3.Config)
	}
	return blobtest.Suite{
		New:            func(t *testing.T) blob.Store { return open(t, s3Settings(s)) },
		Again:          func(t *testing.T, store blob.Store) blob.Store { return open(t, of(store)) },
		PartSize:       s3Part,
		AtomicIfAbsent: true,
		Remains: func(t *testing.T, store blob.Store, name string) []string {
			return s3Uploads(t, s, of(store).Prefix+"/"+name)
		},
		Abandon: func(t *testing.T, store blob.Store, name string) { s3Abandon(t, s, of(store).Prefix+"/"+name) },
	}
}

// minioSuite allows for two ways of MinIO's: it locks names, and it lists unfinished uploads only to who knows their
// whole key, so that Sweep finds none.
func minioSuite(s *server.S3, wrap func(blob.Store) blob.Store) blobtest.Suite {
	suite := s3Suite(s, wrap)
	suite.ReadersHoldWriters = true
	suite.Abandon = nil
	return suite
}

func s3Core(t *testing.T, s *server.S3) minio.Core {
	t.Helper()
	client, err := s.Client(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	return minio.Core{Client: client}
}

// s3Uploads returns the ids of the unfinished uploads of one key.
func s3Uploads(t *testing.T, s *server.S3, key string) []string {
	t.Helper()
	page, err := s3Core(t, s).ListMultipartUploads(t.Context(), s3Bucket, key, "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, u := range page.Uploads {
		ids = append(ids, u.UploadID)
	}
	return ids
}

// s3Versions counts all versions and delete markers below a folder.
func s3Versions(t *testing.T, s *server.S3, folder string) int {
	t.Helper()
	n := 0
	opts := minio.ListObjectsOptions{Prefix: folder, Recursive: true, WithVersions: true}
	for object := range s3Core(t, s).ListObjectsIter(t.Context(), s3Bucket, opts) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		n++
	}
	return n
}

// s3Abandon begins an upload, sends a part and goes away.
func s3Abandon(t *testing.T, s *server.S3, key string) {
	t.Helper()
	core := s3Core(t, s)
	id, err := core.NewMultipartUpload(t.Context(), s3Bucket, key, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = core.PutObjectPart(t.Context(), s3Bucket, key, id, 1, strings.NewReader("x"), 1, minio.PutObjectPartOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func bare(store blob.Store) blob.Store { return store }

func TestMinIOKeepsTheStoreContract(t *testing.T) {
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	blobtest.Run(t, minioSuite(s, bare))
}

func TestVersityGWKeepsTheStoreContract(t *testing.T) {
	s := servertest.VersityGW(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	blobtest.Run(t, versitySuite(s))
}

// versitySuite knows how that server replaces an object: it links the new one under a name beside it, and renames it then
// (versitygw 1.8.0, linkatOTmpfile).
func versitySuite(s *server.S3) blobtest.Suite {
	suite := s3Suite(s, bare)
	suite.Passing = func(name string) bool { return strings.Contains(name, ".sgwtmp.") }
	return suite
}

func TestAVersionedBucketBehindRetriesKeepsTheStoreContract(t *testing.T) {
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, true)
	blobtest.Run(t, minioSuite(s, func(store blob.Store) blob.Store { return retry.New(store, retry.Config{}) }))
}

func TestPlainHTTPKeepsTheStoreContract(t *testing.T) {
	s := servertest.VersityGW(t, server.S3Config{Plain: true}).S3
	s3Bucketed(t, s, false)
	blobtest.Run(t, versitySuite(s))
}
