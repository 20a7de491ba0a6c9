package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// killSize is the database of the kill tests: three parts of an upload, and small enough for a dozen rounds.
const killSize = 18 << 20

// kills is how many kills of each kind an ordinary run does.
const kills = 12

// killEtcd is a filled etcd of one member, and the flags to reach it.
func killEtcd(t *testing.T) (*server.Etcd, []string) {
	t.Helper()
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	fillEtcd(t, e, killSize)
	flags, _ := reach(e)
	return e, flags
}

// s3Flags are what reaches a bucket's folder, and the environment with its keys.
func s3Flags(s *server.S3, folder string) (flags, env []string) {
	flags = []string{"--repo=s3://" + s3Bucket + "/" + folder, "--s3-endpoint=" + s.Address, "--s3-region=" + server.Region}
	if s.CAFile != "" {
		flags = append(flags, "--s3-ca-file="+s.CAFile)
	}
	return flags, []string{"AWS_ACCESS_KEY_ID=" + s.Root.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.Root.SecretKey}
}

func TestAKilledSaveLeavesWholeSnapshotsOnly(t *testing.T) {
	e, etcdFlags := killEtcd(t)
	for _, kind := range []struct{ name, compress string }{{"raw", "none"}, {"zstd", "zstd"}, {"zip", "zip"}} {
		t.Run(kind.name, func(t *testing.T) {
			killSaves(t, e, "save "+kind.name, etcdFlags, "--compress="+kind.compress, func(t *testing.T) ([]string, []string, string) {
				dir := filepath.Join(t.TempDir(), "repo")
				return []string{"--repo=file://" + dir}, nil, dir
			})
		})
	}
	t.Run("s3", func(t *testing.T) {
		s := servertest.MinIO(t, server.S3Config{}).S3
		s3Bucketed(t, s, false)
		for _, kind := range []struct{ name, compress string }{{"parts", "none"}, {"zstd", "zstd"}} {
			t.Run(kind.name, func(t *testing.T) {
				killSaves(t, e, "save s3 "+kind.name, etcdFlags, "--compress="+kind.compress, func(t *testing.T) ([]string, []string, string) {
					flags, env := s3Flags(s, newFolder())
					return flags, env, ""
				})
			})
		}
	})
}

// killSaves kills saves into repositories that place makes: flags, environment, and the directory if it is one.
func killSaves(t *testing.T, e *server.Etcd, suite string, etcdFlags []string, compress string, place func(*testing.T) (flags, env []string, dir string)) {
	command := append([]string{"etcd", "save", compress, "--verify=content", "--min-free=0"}, etcdFlags...)
	full := measured(func() {
		flags, env, _ := place(t)
		newUser(t, env...).must(append(command, flags...)...)
	})
	want, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	rounds(t, suite, kills, func(t *testing.T, r *rand.Rand) {
		flags, env, dir := place(t)
		u := newUser(t, env...)
		s := shelf{u, flags}
		m := chooseMoment(r, full, []string{"stream from etcd:", "check the content:", "store:"})
		p := u.start(append(command, flags...)...)
		ended := p.killAt(m)
		struck(t, p.stage(), ended)
		t.Logf("killed %s; ended before: %v", m, ended)

		checkNobodyLives(t)
		var before []listed
		if o := s.run("repo", "ls"); o.code == 0 {
			before = s.checkWhole(t)
		} else if dir == "" || o.code != 5 { // a kill before the directory was made leaves none
			t.Errorf("list after the kill: %s", o)
		}
		again := ask[saved](u, append(command, flags...)...)
		if again.Database.HashKV == nil || *again.Database.HashKV != want.Hash || again.Database.Revision != want.Revision {
			t.Errorf("saved %+v, etcd has %+v", again.Database, want)
		}
		after := s.checkWhole(t)
		if len(after) != len(before)+1 {
			t.Errorf("before the second try %q, after it %q", joined(before), joined(after))
		}
		if rest := left(t, u.spool()); len(rest) > 0 {
			t.Errorf("the spool directory still holds %q", rest)
		}
		if dir != "" {
			if rest := left(t, dir); len(rest) > 0 {
				t.Errorf("the repository still holds %q", rest)
			}
		}
	})
}
