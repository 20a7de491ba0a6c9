package mvcc

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.etcd.io/bbolt"
)

func mustBeDamage(t fataler, err error) {
	t.Helper()
	var d *DamageError
	if !errors.Is(err, ErrDamaged) || !errors.As(err, &d) {
		t.Fatalf("error %v, want damage", err)
	}
}

// readAll runs every method on a file that may be anything. It returns Content's answer.
func readAll(t fataler, f *File) (Content, error) {
	t.Helper()
	_, headErr := f.Head(background)
	_, checkErr := f.Check(background)
	_, hashErr := f.HashKV(background, 0, 0)
	_, statsErr := f.Stats(background)
	recordsErr := f.Records(background, func(r Record) error { return nil })
	liveErr := f.Live(background, nil, func(r Record) error { return nil })
	_, _, getErr := f.Get(background, []byte("a"))
	content, err := f.Content(background)
	for _, other := range []error{headErr, checkErr, hashErr, statsErr, recordsErr, liveErr, getErr} {
		if other != nil && !errors.Is(other, ErrDamaged) {
			t.Fatalf("an error that is not damage: %v", other)
		}
		if other != nil && err == nil {
			t.Fatalf("Content accepts what another method refuses: %v", other)
		}
	}
	return content, err
}

// dump is everything that can be read, bucket by bucket, through bbolt. Its own check must agree that the file is sound,
// unless we have something to say about the metas.
func dump(t fataler, path string, metaDamage error) []byte {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatalf("bbolt can't open what Check accepts: %v", err)
	}
	defer func() { _ = db.Close() }()
	if err := checkWithBbolt(db); err != nil && metaDamage == nil {
		t.Fatalf("bbolt's check refuses what ours accepts: %v", err)
	}
	var all bytes.Buffer
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			all.Write(name)
			return b.ForEach(func(k, v []byte) error {
				all.Write(k)
				all.WriteByte(0)
				all.Write(v)
				all.WriteByte(0)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

// A flipped byte is found, or shows in the hashes, or lies where no reader looks: then bbolt reads the very same
// records as before.
func TestNoFlippedByteGoesUnseen(t *testing.T) {
	path := sample(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := openFor(t, path).Content(background)
	if err != nil {
		t.Fatal(err)
	}
	wantDump := dump(t, path, nil)
	random := rand.New(rand.NewPCG(1, 2))
	bad := bytes.Clone(good)
	flipped := filepath.Join(t.TempDir(), "flipped")
	if err := os.WriteFile(flipped, good, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(flipped, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()

	var refused, shown, unused int
	for at := range bad {
		bad[at] = good[at] ^ byte(1+random.IntN(255))
		got, err := contentOf(t, bad, at%8 == 0)
		metaDamage := got.Structure.MetaDamage
		same := err == nil && sameDatabase(got, want)
		switch {
		case err != nil:
			refused++
		case !same:
			shown++
		default:
			unused++
		}
		// Most bytes belong to free pages or slack; bbolt is asked about a part of what was accepted.
		if err == nil && random.IntN(25) == 0 {
			writeAt(t, file, bad[at:at+1], at)
			if sameDump := bytes.Equal(dump(t, flipped, metaDamage), wantDump); same && !sameDump {
				t.Fatalf("byte %d: what bbolt reads has changed, and Content has not", at)
			}
			writeAt(t, file, good[at:at+1], at)
		}
		bad[at] = good[at]
	}
	t.Logf("%d bytes: %d refused, %d shown by Content, %d not part of the database", len(bad), refused, shown, unused)
	if refused == 0 || shown == 0 || unused == 0 {
		t.Error("one of the three never happened: the test does not test")
	}
}

// sameDatabase compares all that does not depend on which of the two metas is in force.
func sameDatabase(a, b Content) bool {
	a.Structure.MetaDamage, b.Structure.MetaDamage = nil, nil
	a.Head.TxID, b.Head.TxID = 0, 0
	return reflect.DeepEqual(a, b)
}

// contentOf reads a file's bytes, with Content alone or with every method.
func contentOf(t fataler, data []byte, all bool) (c Content, err error) {
	t.Helper()
	f, err := fromBytes(data)
	switch {
	case err != nil:
	case all:
		c, err = readAll(t, f)
	default:
		c, err = f.Content(background)
	}
	if err != nil {
		mustBeDamage(t, err)
	}
	return c, err
}

func writeAt(t fataler, file *os.File, b []byte, at int) {
	t.Helper()
	if _, err := file.WriteAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
}

func TestATruncatedFileIsAnError(t *testing.T) {
	path := sample(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 0; size < len(good); size += 509 {
		mustBeDamage(t, openTruncated(t, path, size))
	}
	const pageSize = 4096
	for size := 0; size < len(good); size += pageSize {
		mustBeDamage(t, openTruncated(t, path, size))
		mustBeDamage(t, openTruncated(t, path, size+1))
		mustBeDamage(t, openTruncated(t, path, size+pageSize-1))
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := Open(file, int64(len(good))+1); err == nil {
		t.Error("more bytes than the file has were mapped")
	}
}

// openTruncated gives Open the first size bytes.
func openTruncated(t *testing.T, path string, size int) error {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	db, err := Open(file, int64(size))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = readAll(t, db)
	return err
}

// The kernel signals a read beyond the end of a mapped file; that must not end the process.
func TestAFileThatShrinksUnderTheMappingIsAnError(t *testing.T) {
	path := sample(t)
	db := openFor(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2/4096*4096); err != nil {
		t.Fatal(err)
	}
	_, err = readAll(t, db)
	mustBeDamage(t, err)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err = db.Head(background)
	mustBeDamage(t, err)
	var d *DamageError
	if errors.As(err, &d); d.Page != uint64(d.Offset)/4096 {
		t.Errorf("page %d at offset %d", d.Page, d.Offset)
	}
}

func TestAPanicOfTheCallbackStaysAPanic(t *testing.T) {
	db := openFor(t, sample(t))
	defer func() {
		if r := recover(); r != "mine" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = db.Records(background, func(Record) error { panic("mine") })
	t.Error("no panic")
}

func TestAClosedFileIsAnError(t *testing.T) {
	db := openFor(t, sample(t))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Head(background); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Head: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
