package e2e

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// What the repository of the prune tests holds, and keeps.
const (
	pruneRecurring = 30
	pruneKeep      = 3
	pruneManual    = 2
)

// fillRepository saves recurring snapshots, one for each of the last hours, and manual ones that are older still.
func fillRepository(t *testing.T, e *server.Etcd, store blob.Store) {
	t.Helper()
	if err := engineRepository(store).Claim(t.Context(), engineCluster, false); err != nil {
		t.Fatal(err)
	}
	cfg := engineSave(t, e, store)
	cfg.Verify = snapshot.LevelChecksum
	for i := range pruneRecurring + pruneManual {
		at := time.Now().Add(-time.Duration(i) * time.Hour)
		cfg.Now = func() time.Time { return at }
		cfg.Trigger = snapshot.TriggerRecurring
		if i >= pruneRecurring {
			cfg.Trigger = snapshot.TriggerManual
		}
		cfg.Base = cfg.Trigger.Base()
		if _, err := snapshot.Save(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// checkKept wants the newest of the recurring snapshots and all manual ones.
func checkKept(t *testing.T, all, now []listed) {
	t.Helper()
	there := map[string]bool{}
	for _, l := range now {
		there[l.Name] = true
	}
	recurring := 0
	for _, l := range all { // newest first
		if l.Trigger == "recurring" {
			if recurring++; recurring > pruneKeep {
				continue
			}
		}
		if !there[l.Name] {
			t.Errorf("%s (%s) is gone, left are %q", l.Name, l.Trigger, joined(now))
		}
	}
}

func TestAKilledPruneLosesNothingThatIsKept(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true}) // nearly empty: what counts is the number
	t.Run("directory", func(t *testing.T) {
		template := filepath.Join(t.TempDir(), "repo")
		store, err := local.New(local.Config{Dir: template, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		fillRepository(t, e, store)
		killPrunes(t, "prune directory", func(t *testing.T) ([]string, []string, string) {
			dir := filepath.Join(t.TempDir(), "repo")
			copyTree(t, template, dir)
			return []string{"--repo=file://" + dir}, nil, dir
		})
	})
	t.Run("s3", func(t *testing.T) {
		s := servertest.MinIO(t, server.S3Config{}).S3
		s3Bucketed(t, s, false)
		template := s3Settings(s)
		fillRepository(t, e, s3Open(t, template))
		killPrunes(t, "prune s3", func(t *testing.T) ([]string, []string, string) {
			folder := newFolder()
			copyFolder(t, s, template.Prefix, folder)
			flags, env := s3Flags(s, folder)
			return flags, env, ""
		})
	})
}

func killPrunes(t *testing.T, suite string, place func(*testing.T) (flags, env []string, dir string)) {
	command := []string{"repo", "prune", "--cluster-id=" + engineCluster, "--keep=3"}
	full := time.Hour
	for range 3 { // making the repository is no part of it
		flags, env, _ := place(t)
		u := newUser(t, env...)
		started := time.Now()
		u.must(append(command, flags...)...)
		full = min(full, time.Since(started))
	}
	rounds(t, suite, kills, func(t *testing.T, r *rand.Rand) {
		flags, env, dir := place(t)
		s := shelf{newUser(t, env...), flags}
		all := s.list(t)
		if len(all) != pruneRecurring+pruneManual {
			t.Fatalf("%d snapshots to begin with", len(all))
		}
		m := chooseMoment(r, full, nil)
		ended := s.u.start(s.args(command...)...).killAt(m)
		after := s.checkWhole(t)
		struck(t, pruned(len(all), len(after)), ended)
		t.Logf("killed %s; ended before: %v; %d left", m, ended, len(after))
		checkNobodyLives(t)
		checkKept(t, all, after)

		s.u.must(s.args(command...)...)
		after = s.checkWhole(t)
		checkKept(t, all, after)
		if len(after) != pruneKeep+pruneManual {
			t.Errorf("after the second try %q", joined(after))
		}
		if dir != "" {
			checkNoOutlived(t, s, dir, command, len(after))
		}
	})
}

// pruned is how far a prune has come.
func pruned(all, left int) string {
	switch left {
	case all:
		return "nothing deleted yet"
	case pruneKeep + pruneManual:
		return "all deleted"
	}
	return "some deleted"
}

// checkNoOutlived ages what is left of deletions that were cut short, and prunes once more.
func checkNoOutlived(t *testing.T, s shelf, dir string, command []string, want int) {
	t.Helper()
	metadata := filepath.Join(dir, snapshot.MetadataDir)
	entries, err := os.ReadDir(metadata)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(metadata, e.Name()), long, long); err != nil {
			t.Fatal(err)
		}
	}
	s.u.must(s.args(command...)...)
	manifests := below(t, dir, func(name string) bool { return strings.HasSuffix(name, ".holdfast.json") })
	if len(manifests) != want || len(left(t, dir)) > 0 {
		t.Errorf("%d snapshots, manifests %q, remains %q", want, manifests, left(t, dir))
	}
}

// copyFolder has the server copy a repository, with what it keeps beside each object.
func copyFolder(t *testing.T, s *server.S3, from, to string) {
	t.Helper()
	core := s3Core(t, s)
	var copies errgroup.Group
	copies.SetLimit(8)
	for object := range core.ListObjectsIter(t.Context(), s3Bucket, minio.ListObjectsOptions{Prefix: from + "/", Recursive: true}) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		copies.Go(func() error {
			_, err := core.Client.CopyObject(t.Context(),
				minio.CopyDestOptions{Bucket: s3Bucket, Object: to + strings.TrimPrefix(object.Key, from)},
				minio.CopySrcOptions{Bucket: s3Bucket, Object: object.Key})
			return err
		})
	}
	if err := copies.Wait(); err != nil {
		t.Fatal(err)
	}
}

// copyTree copies a repository: payloads never change, so links will do.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return os.Link(path, target)
	})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}
