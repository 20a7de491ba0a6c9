package e2e

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// interruptAt sends a signal at the moment and waits for the end.
func (r *running) interruptAt(m moment, sig os.Signal) outcome {
	r.t.Helper()
	if m.line != "" {
		r.says(m.line)
	}
	select {
	case <-time.After(m.after): // the moment is the test's input: nothing is waited for
	case <-r.ended:
	}
	if err := r.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Fatal(err)
	}
	return r.wait()
}

// Unlike a kill, a signal leaves nothing that a next run would have to remove.
func TestAnInterruptedProgramLeavesNothingAtAll(t *testing.T) {
	e, etcdFlags := killEtcd(t)
	want, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	again := servertest.NewEtcd(t, server.EtcdConfig{NoFsync: true})
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	good := shelf{newUser(t), []string{"--repo=file://" + filepath.Join(t.TempDir(), "repo")}}
	save := append([]string{"etcd", "save", "--verify=content", "--min-free=0"}, etcdFlags...)
	file := ask[saved](good.u, good.args(append(save, "--compress=zstd")...)...).File
	lines := []string{"stream from etcd:", "check the content:", "store:", "read:", "write the data directory:"}

	rounds(t, "interrupt", kills, func(t *testing.T, r *rand.Rand) {
		flags, env := s3Flags(s, newFolder())
		u, k := newUser(t, env...), newTarget(t, []restoreKind{{"absent", false, false}, {"existing with wal", true, true}}[r.IntN(2)])
		dir := filepath.Join(t.TempDir(), "repo")
		kinds := map[string][]string{
			"save raw":  slices.Concat(save, []string{"--compress=none", "--repo=file://" + dir}),
			"save zstd": slices.Concat(save, []string{"--compress=zstd", "--repo=file://" + dir}),
			"save s3":   slices.Concat(save, []string{"--compress=none"}, flags),
			"restore":   slices.Concat(good.args("etcd", "restore", file), memberFlags(again, again.Members[0]), k.flags()),
			"trial":     good.args("repo", "verify", "--level=restore", "--record=false", file),
		}
		names := []string{"save raw", "save zstd", "save s3", "restore", "trial"}
		kind := names[r.IntN(len(names))]
		full := 150 * time.Millisecond
		if kind == "trial" {
			full = 1500 * time.Millisecond
		}
		m := chooseMoment(r, full, lines)
		o := u.start(kinds[kind]...).interruptAt(m, []os.Signal{os.Interrupt, syscall.SIGTERM}[r.IntN(2)])
		struck(t, kind, o.code == 0) // whoever ends with 0 was not interrupted
		t.Logf("%s interrupted %s: exit code %d", kind, m, o.code)
		if o.code == -1 && o.stderr == "" {
			return // before the program had begun to listen
		}
		if o.code != 0 && o.code != 130 {
			t.Error(o)
		}
		checkNobodyLives(t)
		for place, rest := range map[string][]string{"spool": left(t, u.spool()), "target": k.remains(t), "repository": left(t, filepath.Dir(dir))} {
			if len(rest) > 0 {
				t.Errorf("remains in the %s: %q", place, rest)
			}
		}
		switch kind {
		case "restore":
			if k.complete(t) {
				k.boot(t, again, want)
			}
		case "save raw", "save zstd":
			if _, err := os.Stat(dir); err == nil {
				shelf{u, []string{"--repo=file://" + dir}}.checkWhole(t)
			}
		case "save s3":
			shelf{u, flags}.checkWhole(t)
			if uploads := s3Uploads(t, s, filepath.Base(flags[0])); len(uploads) > 0 {
				t.Errorf("unfinished uploads: %q", uploads)
			}
		}
	})
}
