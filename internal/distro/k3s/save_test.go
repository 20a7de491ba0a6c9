package k3s

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/distro"
)

// saverOf is one whose program is a script. $DIR in it is the snapshot directory.
func saverOf(t *testing.T, script string, present ...string) (*saver, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "snapshots")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range present {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "k3s")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nDIR="+dir+"\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	command := server("--etcd-snapshot-dir=" + dir)
	command.Program = path
	n := machine(t, K3s, command, nil)
	n.root = "/"
	at := time.Unix(1_795_312_800, 0)
	return &saver{
		SaveConfig: distro.SaveConfig{Base: "on-demand", Log: slog.New(slog.DiscardHandler)}, node: n, name: "n1",
		now: func() time.Time { at = at.Add(time.Second); return at },
	}, dir
}

func TestASnapshotIsTheFileAndNotTheProgramsWord(t *testing.T) {
	const says = `echo 'level=info msg="Snapshot on-demand-n1-1795312850 saved."' >&2`
	for name, test := range map[string]struct {
		script  string
		present []string
		want    string
		why     string
	}{
		"the file that it names":         {"touch $DIR/on-demand-n1-1795312850 $DIR/on-demand-n1-1795312860; " + says, nil, "on-demand-n1-1795312850", ""},
		"a file and a failure":           {"touch $DIR/on-demand-n1-1795312850; exit 1", []string{"on-demand-n1-1795300000"}, "on-demand-n1-1795312850", ""},
		"a word and no file":             {says, nil, "", "no new file"},
		"only an old file":               {says, []string{"on-demand-n1-1795312850"}, "", "no new file"},
		"another node's and name's file": {"touch $DIR/on-demand-n2-1795312850 $DIR/other-n1-1795312850", nil, "", "no new file"},
		"the second attempt": {
			"if [ -e $DIR/tried ]; then touch $DIR/on-demand-n1-1795312850; " + says + "; else touch $DIR/tried; exit 1; fi", nil, "on-demand-n1-1795312850", "",
		},
		"it is refused": {`echo 'level=fatal msg="Error: not authorized"' >&2; exit 1`, nil, "", "not authorized"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := saverOf(t, test.script, test.present...)
			got, err := s.delegate(t.Context())
			why := ""
			if err != nil {
				why = err.Error()
			}
			if got != test.want || !strings.Contains(why, test.why) || (err == nil) != (test.why == "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestNoSnapshotIsAskedForInASecondThatHasOne: the program would overwrite it.
func TestNoSnapshotIsAskedForInASecondThatHasOne(t *testing.T) {
	s, dir := saverOf(t, "", "on-demand-n1-1795312802", "on-demand-n1-1795312804", "etcd-snapshot-n1-1795312806", "on-demand-n1-1795312900")
	have, err := s.freeSecond(t.Context())
	if err != nil || len(have) != 4 {
		t.Fatalf("%v, %v", have, err)
	}
	if now := s.now(); now.Before(time.Unix(1_795_312_806, 0)) {
		t.Errorf("asked at %d", now.Unix())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if have, err := s.freeSecond(t.Context()); len(have) > 0 || err != nil {
		t.Errorf("without the directory: %v, %v", have, err)
	}
}

func TestAStreamIsNotSeenBeforeItIsWhole(t *testing.T) {
	s, dir := saverOf(t, "", "on-demand-n1-1795312801")
	file, err := newHidden(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer file.discard()
	if _, err := file.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	if have, err := s.files(); len(have) != 1 || err != nil {
		t.Errorf("while it is written: %v, %v", have, err)
	}
	name, err := s.christen(t.Context(), dir, file)
	if err != nil || name != "on-demand-n1-1795312802" {
		t.Fatalf("%q, %v", name, err)
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 7 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAFileSystemThatKnowsNoUnnamedFilesWillDo(t *testing.T) {
	_, dir := saverOf(t, "")
	f, err := os.CreateTemp(filepath.Dir(dir), ".holdfast-*.part")
	if err != nil {
		t.Fatal(err)
	}
	file := &hidden{File: f, path: f.Name()}
	if err := file.publish(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if err := file.publish(filepath.Join(dir, "a")); !os.IsExist(err) {
		t.Errorf("a name that is taken: %v", err)
	}
	file.discard()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"snapshots"}, left); diff != "" {
		t.Error(diff)
	}
}
