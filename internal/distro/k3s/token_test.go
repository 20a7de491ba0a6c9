package k3s

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	etcdmvcc "go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.uber.org/zap"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

func TestATokenIsKnownByItsPassword(t *testing.T) {
	const long = "K10a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9a7b1c3d5e7f9abcd::server:secret:with:colons"
	for token, want := range map[string]string{
		"secret":       "secret",
		" secret\n":    "secret",
		long:           "secret:with:colons",
		long + "\n":    "secret:with:colons",
		"K10abc::only": "only",
		"a::b:c":       "a::b:c",
		"K10nocolons":  "K10nocolons",
	} {
		if got := Password(token); got != want {
			t.Errorf("Password(%q) = %q, want %q", token, got, want)
		}
	}
	// printf secret:with:colons | sha256sum
	if a, b := TokenDigest(long), TokenDigest("secret:with:colons"); a != b || a != "902b118e2814" {
		t.Errorf("digests %q and %q", a, b)
	}
}

// databaseFile writes keys as etcd does, and deletes those with an empty value.
func databaseFile(t *testing.T, puts ...[2]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	cfg := backend.DefaultBackendConfig(zap.NewNop())
	cfg.Path = path
	be := backend.New(cfg)
	store := etcdmvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, etcdmvcc.StoreConfig{})
	for _, put := range puts {
		if put[1] == "" {
			store.DeleteRange([]byte(put[0]), nil)
			continue
		}
		store.Put([]byte(put[0]), []byte(put[1]), lease.NoLease)
	}
	if err := errors.Join(store.Close(), be.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func database(t *testing.T, puts ...[2]string) *mvcc.File {
	t.Helper()
	f, err := os.Open(databaseFile(t, puts...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	db, err := mvcc.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestADatabaseTellsWhichTokenOpensIt(t *testing.T) {
	db := database(t, [2]string{"/bootstrap/902b118e2814", "old"}, [2]string{"/registry/pods/a/b", "pod"},
		[2]string{"/bootstrap/0123456789ab", "salt:sealed"}, [2]string{"/bootstrap/902b118e2814", ""}, [2]string{"/bootstrap/lock", "me"})
	got, err := SealedWith(t.Context(), db)
	if diff := cmp.Diff([]string{"0123456789ab"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := SealedWith(t.Context(), database(t, [2]string{"/registry/pods/a/b", "pod"})); !errors.Is(err, ErrNoBootstrap) {
		t.Errorf("without any: %v", err)
	}
}
