package mvcc

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/mvccpb"
	etcdmvcc "go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestARecordIsDecodedAsItWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes, number := rapid.SliceOfN(rapid.Byte(), 0, 300), rapid.Int64()
		kv := &mvccpb.KeyValue{
			Key:            bytes.Draw(t, "key"),
			Value:          bytes.Draw(t, "value"),
			CreateRevision: number.Draw(t, "create"),
			ModRevision:    number.Draw(t, "mod"),
			Version:        number.Draw(t, "version"),
			Lease:          number.Draw(t, "lease"),
		}
		b, err := proto.Marshal(kv)
		if err != nil {
			t.Fatal(err)
		}
		// A field from a future version, of each wire type.
		for _, unknown := range []string{wireNumber(7, 1<<40), wireText(8, "later"), "\x49" + "12345678", "\x55" + "1234"} {
			if rapid.Bool().Draw(t, "unknown") {
				b = append(b, unknown...)
			}
		}
		compareDecoders(t, b, true)
	})
}

// compareDecoders requires that what decode accepts is what etcd's decoder makes of it.
func compareDecoders(t fataler, b []byte, mustAccept bool) {
	t.Helper()
	var r Record
	if !r.decode(b) {
		if mustAccept {
			t.Fatalf("%x was refused", b)
		}
		return
	}
	var want mvccpb.KeyValue
	if err := proto.Unmarshal(b, &want); err != nil {
		t.Fatalf("%x was accepted; etcd says %v", b, err)
	}
	if !bytes.Equal(r.Key, want.Key) || !bytes.Equal(r.Value, want.Value) || r.CreateRevision != want.CreateRevision ||
		r.modRevision != want.ModRevision || r.Version != want.Version || r.Lease != want.Lease {
		t.Fatalf("%x: %+v; etcd reads %v", b, r, &want)
	}
	if len(r.Key) > 0 {
		if again, _ := lengthPrefixed(b[r.keyAt:]); !bytes.Equal(again, r.Key) {
			t.Fatalf("%x: the key is not at %d", b, r.keyAt)
		}
	}
}

func FuzzDecode(f *testing.F) {
	kv, err := proto.Marshal(&mvccpb.KeyValue{Key: []byte("k"), Value: []byte("v"), CreateRevision: 2, ModRevision: 300, Version: 3, Lease: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kv)
	f.Add([]byte{})
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) { compareDecoders(t, b, false) })
}

func TestRevisionsAreReadAsEtcdWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Revision{rapid.Int64Range(1, 1<<62).Draw(t, "main"), rapid.Int64Range(0, 1<<62).Draw(t, "sub")}
		key := etcdmvcc.RevToBytes(etcdmvcc.Revision{Main: want.Main, Sub: want.Sub}, etcdmvcc.NewRevBytes())
		if got, tombstone, ok := parseRevision(key); got != want || tombstone || !ok {
			t.Fatalf("%x: %v %v %v", key, got, tombstone, ok)
		}
		if got, tombstone, ok := parseRevision(append(key, 't')); got != want || !tombstone || !ok {
			t.Fatalf("%x, deleted: %v %v %v", key, got, tombstone, ok)
		}
	})
}

func TestKeysThatAreNoRevisionsAreRefused(t *testing.T) {
	for name, key := range map[string]string{
		"short":          "\x00\x00\x00\x00\x00\x00\x00\x01_\x00\x00\x00\x00\x00\x00\x00",
		"long":           "\x00\x00\x00\x00\x00\x00\x00\x01_\x00\x00\x00\x00\x00\x00\x00\x00tt",
		"separator":      "\x00\x00\x00\x00\x00\x00\x00\x01-\x00\x00\x00\x00\x00\x00\x00\x00",
		"mark":           "\x00\x00\x00\x00\x00\x00\x00\x01_\x00\x00\x00\x00\x00\x00\x00\x00u",
		"revision zero":  "\x00\x00\x00\x00\x00\x00\x00\x00_\x00\x00\x00\x00\x00\x00\x00\x00",
		"negative main":  "\x80\x00\x00\x00\x00\x00\x00\x01_\x00\x00\x00\x00\x00\x00\x00\x00",
		"negative sub":   "\x00\x00\x00\x00\x00\x00\x00\x01_\x80\x00\x00\x00\x00\x00\x00\x00",
		"nothing at all": "",
	} {
		if r, _, ok := parseRevision([]byte(key)); ok {
			t.Errorf("%s: read as %v", name, r)
		}
	}
}

// What no etcd writes, but a page walk alone would take for sound.
func TestRecordsThatContradictThemselvesAreDamage(t *testing.T) {
	value := func(kv *mvccpb.KeyValue) []byte {
		b, err := proto.Marshal(kv)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	revision := func(main int64) []byte {
		return etcdmvcc.RevToBytes(etcdmvcc.Revision{Main: main}, etcdmvcc.NewRevBytes())
	}
	for name, record := range map[string]struct{ key, value []byte }{
		"of another revision":          {revision(9), value(&mvccpb.KeyValue{Key: []byte("k"), CreateRevision: 3, ModRevision: 8, Version: 1})},
		"created in the future":        {revision(9), value(&mvccpb.KeyValue{Key: []byte("k"), CreateRevision: 10, ModRevision: 9, Version: 1})},
		"undecodable":                  {revision(9), []byte("\xff")},
		"not a revision":               {[]byte("nine"), nil},
		"put and deleted at one place": {append(revision(2), 't'), value(&mvccpb.KeyValue{Key: []byte("a")})},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, filepath.Join(t.TempDir(), "db"))
			s.put("a", "1")
			tx := s.be.BatchTx()
			tx.LockOutsideApply()
			tx.UnsafePut(schema.Key, record.key, record.value)
			tx.Unlock()
			s.snapshot(s.path + ".snapshot")
			s.stop()
			f := openFor(t, s.path+".snapshot")
			if _, err := f.Check(background); err != nil {
				t.Errorf("the pages are sound, but Check says %v", err)
			}
			_, err := f.Content(background)
			mustBeDamage(t, err)
			mustBeDamage(t, f.Records(background, func(Record) error { return nil }))
		})
	}
}

func TestRecordsComeInOrderAndWhole(t *testing.T) {
	type change struct {
		Revision
		Key, Value      string
		Tombstone       bool
		Create, Version int64
	}
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	s.put("a", "1")
	s.txn(op{"a", []byte("2")}, op{"b", []byte{}})
	s.delete("a")
	s.put("a", "3")
	s.snapshot(s.path + ".snapshot")
	s.stop()
	var got []change
	err := openFor(t, s.path+".snapshot").Records(background, func(r Record) error {
		got = append(got, change{r.Revision, string(r.Key), string(r.Value), r.Tombstone, r.CreateRevision, r.Version})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []change{
		{Revision{2, 0}, "a", "1", false, 2, 1},
		{Revision{3, 0}, "a", "2", false, 2, 2},
		{Revision{3, 1}, "b", "", false, 3, 1},
		{Revision{4, 0}, "a", "", true, 0, 0},
		{Revision{5, 0}, "a", "3", false, 5, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyLiveKeysAreFound(t *testing.T) {
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	for _, key := range []string{"/bootstrap/one", "/bootstrap/two", "/other", "/bootstrap/one"} {
		s.put(key, "of "+key)
	}
	s.delete("/bootstrap/two")
	s.snapshot(s.path + ".snapshot")
	s.stop()
	f := openFor(t, s.path+".snapshot")

	live := func(prefix string) (keys []string) {
		err := f.Live(background, []byte(prefix), func(r Record) error {
			keys = append(keys, string(r.Key))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	if diff := cmp.Diff([]string{"/bootstrap/one"}, live("/bootstrap/")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/bootstrap/one", "/other"}, live("")); diff != "" {
		t.Error(diff)
	}

	r, ok, err := f.Get(background, []byte("/bootstrap/one"))
	if err != nil || !ok || r.Version != 2 || string(r.Value) != "of /bootstrap/one" {
		t.Errorf("Get: %+v %v %v", r, ok, err)
	}
	for _, key := range []string{"/bootstrap/two", "/bootstrap/", ""} {
		if _, ok, err := f.Get(background, []byte(key)); ok || err != nil {
			t.Errorf("Get(%q): %v %v", key, ok, err)
		}
	}
}

func TestACallbacksErrorEndsTheReading(t *testing.T) {
	f := openFor(t, sample(t))
	enough := errors.New("enough")
	for name, read := range map[string]func(stop func() error) error{
		"Records": func(stop func() error) error { return f.Records(background, func(Record) error { return stop() }) },
		"Live":    func(stop func() error) error { return f.Live(background, nil, func(Record) error { return stop() }) },
		"ForEach": func(stop func() error) error {
			return f.ForEach(background, "meta", func(_, _ []byte) error { return stop() })
		},
	} {
		calls := 0
		err := read(func() error { calls++; return enough })
		if !errors.Is(err, enough) || calls != 1 {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
	if err := f.ForEach(background, "nowhere", func(_, _ []byte) error { return enough }); err != nil {
		t.Errorf("a bucket that does not exist: %v", err)
	}
}
