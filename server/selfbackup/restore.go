package selfbackup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/server/datadir"
)

// memberName of the embedded etcd.
const memberName = "holdfast"

// revisionBump puts every revision that a client may have seen since the backup behind the new ones: clients then read
// everything anew, and none waits for a revision that is long in coming.
const revisionBump = 1_000_000_000

// RestoreConfig says what to bring back, and where to.
type RestoreConfig struct {
	Store blob.Store
	// Name of the backup. Empty: the newest.
	Name string
	// Identities open it.
	Identities []age.Identity
	// Dir is the data directory to make. It must not exist, or be empty.
	Dir string
}

// Restored says what was brought back.
type Restored struct {
	Backup Backup
	// Host that it was taken on.
	Host string
	// Revision of the database in the backup.
	Revision int64
}

// Restore makes a data directory from a backup. It is built beside its place and renamed last: either it is there whole
// or not at all.
func Restore(ctx context.Context, cfg RestoreConfig) (*Restored, error) {
	dir, err := emptyPlace(cfg.Dir)
	if err != nil {
		return nil, err
	}
	b, err := find(ctx, cfg.Store, cfg.Name)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".restore-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	is, err := open(ctx, cfg, b, filepath.Join(work, "archive"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Store.Location(b.Name), err)
	}
	if err := build(ctx, is, work, dir); err != nil {
		return nil, fmt.Errorf("restore the manager's database: %w", err)
	}
	if err := publish(filepath.Join(work, "data"), dir); err != nil {
		return nil, err
	}
	return &Restored{Backup: b, Host: is.Host, Revision: is.Revision}, nil
}

// emptyPlace refuses a directory in which something is: a manager's state is never overwritten. It refuses one that no
// manager could work in, too.
func emptyPlace(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := datadir.Check(dir); err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil
	}
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", &problem.Error{
			Kind: problem.Refused, Op: "restore the manager into", Subject: dir, Why: "it is not empty",
			Next: "stop holdfast-server and move the directory aside, or give another --data-dir",
		}
	}
	return dir, nil
}

func open(ctx context.Context, cfg RestoreConfig, b Backup, dir string) (*about, error) {
	sealed, err := cfg.Store.Get(ctx, b.Name, 0, -1, "")
	if err != nil {
		return nil, err
	}
	defer sealed.Close()
	plain, err := age.Decrypt(sealed, cfg.Identities...)
	var nobody *age.NoIdentityMatchError
	if errors.As(err, &nobody) {
		return nil, &problem.Error{
			Kind: problem.Denied, Op: "open", Subject: cfg.Store.Location(b.Name), Err: err,
			Why: "it was sealed for somebody else", Next: "give the identity or the passphrase that was in use when it was made",
		}
	}
	if err != nil {
		return nil, err
	}
	return unpack(plain, dir)
}

// build makes the data directory work/data from the unpacked archive.
func build(ctx context.Context, is *about, work, dir string) error {
	archive, data := filepath.Join(work, "archive"), filepath.Join(work, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	manifest, err := manifestOf(filepath.Join(archive, databaseDir), is.Snapshot)
	if err != nil {
		return err
	}
	source, err := snapshot.FileSource(filepath.Join(archive, databaseDir, is.Snapshot))
	if err != nil {
		return err
	}
	peer := "unix://" + datadir.PeerSocket(dir)
	_, err = snapshot.Restore(ctx, snapshot.RestoreConfig{
		Source: source, Manifest: manifest, BumpRevision: revisionBump, MarkCompacted: true,
		MinFree: minFree, SpoolDir: work,
		Target: snapshot.Target{
			Name: memberName, InitialCluster: memberName + "=" + peer, InitialClusterToken: "etcd-cluster",
			PeerURLs: []string{peer}, DataDir: filepath.Join(data, databaseDir),
		},
	})
	if err != nil {
		return err
	}
	for _, name := range []string{keysDir, adminFile} {
		if err := os.Rename(filepath.Join(archive, name), filepath.Join(data, name)); err != nil {
			return err
		}
	}
	return nil
}

// manifestOf finds the snapshot's manifest. The archive holds one snapshot and one manifest.
func manifestOf(dir, file string) (*snapshot.Manifest, error) {
	if filepath.Base(file) != file {
		return nil, fmt.Errorf("%q is no snapshot's name", file)
	}
	entries, err := os.ReadDir(filepath.Join(dir, ".metadata"))
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if of, _, is := snapshot.ParseManifestName(".metadata/" + entry.Name()); !is || of != file {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, ".metadata", entry.Name()))
		if err != nil {
			return nil, err
		}
		return snapshot.DecodeManifest(text)
	}
	return nil, fmt.Errorf("the manifest of %s is missing", file)
}

// publish puts the finished directory in its place.
func publish(from, dir string) error {
	if err := durable.SyncTree(from); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make room for %s: %w", dir, err)
	}
	if err := durable.Rename(from, dir); err != nil {
		return fmt.Errorf("put the restored directory in its place: %w", err)
	}
	return nil
}
