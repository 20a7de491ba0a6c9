package selfbackup

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
)

const (
	ours   = "0123456789ab"
	theirs = "ba9876543210"
)

func store(t *testing.T, names ...string) blob.Store {
	t.Helper()
	s, err := local.New(local.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, name := range names {
		if _, err := s.Put(t.Context(), name, strings.NewReader(name), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func named(manager string, second int) string {
	return backupName(manager, time.Unix(int64(1_700_000_000+second), 0))
}

func TestOldBackupsGoAndNobodyElsesDo(t *testing.T) {
	foreign := "holdfast-server-notes.txt"
	s := store(t, named(ours, 1), named(ours, 3), named(ours, 2), named(theirs, 0), foreign, named(ours, 4)+".old")
	if err := prune(t.Context(), s, ours, 2); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := s.List(t.Context(), "", func(i blob.Info) error { left = append(left, i.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []string{named(ours, 2), named(ours, 3), named(ours, 4) + ".old", named(theirs, 0), foreign}
	if fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left are\n%v, not\n%v", left, want)
	}
}

func TestTheNewestIsTakenUnlessItCouldBeAnothersManager(t *testing.T) {
	one := store(t, named(ours, 1), named(ours, 2))
	if b, err := find(t.Context(), one, ""); err != nil || b.Name != named(ours, 2) {
		t.Errorf("%v, %v", b, err)
	}
	both := store(t, named(ours, 1), named(theirs, 2))
	if _, err := find(t.Context(), both, ""); problem.KindOf(err) != problem.Refused {
		t.Errorf("of two managers: %v", err)
	}
	if b, err := find(t.Context(), both, named(ours, 1)); err != nil || b.Manager != ours {
		t.Errorf("%v, %v", b, err)
	}
	for _, s := range []blob.Store{store(t), both} {
		if _, err := find(t.Context(), s, named(ours, 9)); problem.KindOf(err) != problem.NotFound {
			t.Errorf("one that is not there: %v", err)
		}
	}
}

func TestAnArchiveLeadsNowhereElse(t *testing.T) {
	const about = `{"holdfastServerBackup":1}`
	for name, bad := range map[string]bool{
		"keys/a": false, "etcd/a.db.zst": false, "etcd/.metadata/a.json": false, "kubeconfig": false,
		"../a": true, "keys/../../a": true, "/etc/passwd": true, "keys/a/b": true, "etcd/member/wal": true, "keys/..": true, "other": true,
		"keys//a": true, "./keys/a": true, `keys\a`: true,
	} {
		var text bytes.Buffer
		archive := tar.NewWriter(&text)
		for _, file := range []struct{ name, content string }{{aboutFile, about}, {name, "content"}} {
			if err := archive.WriteHeader(header(file.name, int64(len(file.content)), time.Unix(0, 0))); err != nil {
				t.Fatal(err)
			}
			if _, err := archive.Write([]byte(file.content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(&text, t.TempDir()); (err != nil) != bad {
			t.Errorf("%q: %v", name, err)
		}
	}
	var link bytes.Buffer
	archive := tar.NewWriter(&link)
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "keys/a", Linkname: "/etc/passwd"}); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(&link, t.TempDir()); err == nil {
		t.Error("a link is taken")
	}
}

func TestWhoMayOpenIsGivenInOneWayAndSecretsAreTheirOwnersAlone(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	phrase, open := file("phrase", "correct horse\n", 0o600), file("open", "correct horse\n", 0o644)
	key := file("key", "# created\n"+identity.String()+"\n", 0o600)
	for _, test := range []struct {
		what           string
		keys           []string
		passphraseFile string
		good           bool
	}{
		{"a key", []string{identity.Recipient().String()}, "", true}, {"a passphrase", nil, phrase, true},
		{"nobody", nil, "", false}, {"both", []string{identity.Recipient().String()}, phrase, false},
		{"a secret key", []string{identity.String()}, "", false}, {"a file that others read", nil, open, false},
	} {
		if _, err := Recipients(test.keys, test.passphraseFile); (err == nil) != test.good {
			t.Errorf("%s: %v", test.what, err)
		} else if err != nil && (strings.Contains(err.Error(), "correct horse") || strings.Contains(err.Error(), identity.String())) {
			t.Errorf("%s: the secret is in %q", test.what, err)
		}
	}
	for _, test := range []struct {
		identityFile, passphraseFile string
		good                         bool
	}{{key, "", true}, {"", phrase, true}, {"", "", false}, {key, phrase, false}, {phrase, "", false}, {"", open, false}} {
		_, err := Identities(test.identityFile, test.passphraseFile)
		if (err == nil) != test.good {
			t.Errorf("%q and %q: %v", test.identityFile, test.passphraseFile, err)
		}
		if err != nil && strings.Contains(err.Error(), "correct horse") {
			t.Errorf("the secret is in %q", err)
		}
	}
}
