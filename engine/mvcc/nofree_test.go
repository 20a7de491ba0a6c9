package mvcc

import (
	"os"
	"testing"

	"go.etcd.io/bbolt"
)

func TestADatabaseDeclaredFullIsWrittenToWithoutASearchForFreePages(t *testing.T) {
	for _, pageSize := range []int{4096, 16384} {
		path := t.TempDir() + "/db"
		if err := os.WriteFile(path, rebuild(t, many(t), pageSize, false), 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := openFor(t, path).Content(background)
		if err != nil {
			t.Fatal(err)
		}
		declareFull(t, path)
		if _, err := openFor(t, path).Check(background); err == nil {
			t.Error("Check takes the false freelist for a true one")
		}
		if free := edit(t, path); free != 0 {
			t.Errorf("page size %d: bbolt knows %d free pages", pageSize, free)
		}
		got, err := openFor(t, path).Content(background)
		if err != nil {
			t.Fatal(err)
		}
		if got.HashKV != want.HashKV || got.Records != want.Records || got.Structure.FreePages < want.Structure.FreePages {
			t.Errorf("page size %d: %+v, before %+v", pageSize, got, want)
		}
	}
}

func TestAStoredFreelistStays(t *testing.T) {
	path := t.TempDir() + "/db"
	before := rebuild(t, many(t), 4096, true)
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	declareFull(t, path)
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Error("the file has changed")
	}
}

func declareFull(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := DeclareFull(file); err != nil {
		t.Fatal(err)
	}
}

// edit writes to the database as a restore does, and returns how many free pages bbolt knew of.
func edit(t *testing.T, path string) int {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	free := db.Stats().FreePageN
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte("alarm")); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte("alarm"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return free
}
