package selfbackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/server/datadir"
)

// minFree is what a backup leaves on the disk. It is small, and a host whose disk is nearly full must still be able to save
// its manager.
const minFree = 64 << 20

// Config says what to save, and where and for whom.
type Config struct {
	// Dir is the data directory of a manager that runs.
	Dir string
	// Store of the repository.
	Store blob.Store
	// Recipients may open the backup.
	Recipients []age.Recipient
	// Keep is how many backups of this manager stay. At least one.
	Keep int
	// SpoolDir holds the database while it is checked. Empty: the engine's default.
	SpoolDir string
	// Manager is the hash of its CA.
	Manager string
	// Tool and Host are written into the backup.
	Tool, Host string
	Now        func() time.Time
	Log        *slog.Logger
}

// managerLength is how much of the CA's hash tells managers apart.
const managerLength = 12

// ManagerID is what names of backups hold of a CA's hash.
func ManagerID(caHash string) string { return caHash[:min(managerLength, len(caHash))] }

// Save takes a backup and removes the oldest. The database has been streamed, compared with etcd's own hash and read
// from end to end before the first byte goes to the repository. It must not run twice at a time.
func Save(ctx context.Context, cfg Config) (Backup, error) {
	if len(cfg.Manager) < managerLength || len(cfg.Recipients) == 0 || cfg.Keep < 1 {
		return Backup{}, errors.New("back up the manager: it needs the manager's id, a recipient and at least one backup to keep")
	}
	work, err := os.MkdirTemp(spoolDir(cfg.SpoolDir), ".holdfast-server-backup-*")
	if err != nil {
		return Backup{}, err
	}
	defer os.RemoveAll(work)
	manifest, err := saveDatabase(ctx, cfg, work)
	if err != nil {
		return Backup{}, fmt.Errorf("save the manager's database: %w", err)
	}
	b := Backup{Manager: ManagerID(cfg.Manager), Created: cfg.Now().UTC().Truncate(time.Second)}
	b.Name = backupName(b.Manager, b.Created)
	if b.Size, err = send(ctx, cfg, b, work, manifest); err != nil {
		return Backup{}, fmt.Errorf("store %s: %w", cfg.Store.Location(b.Name), err)
	}
	return b, prune(ctx, cfg.Store, b.Manager, cfg.Keep)
}

func spoolDir(given string) string {
	if given != "" {
		return given
	}
	return snapshot.DefaultSpoolDir()
}

// saveDatabase takes a snapshot of the embedded etcd into dir, which is nobody else's to read.
func saveDatabase(ctx context.Context, cfg Config, dir string) (*snapshot.Manifest, error) {
	dial := etcd.Defaults()
	dial.Endpoints = []string{"unix://" + datadir.Socket(cfg.Dir)}
	client, err := etcd.Dial(ctx, dial)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	cluster, err := client.Inspect(ctx)
	if err != nil {
		return nil, notRunning(cfg.Dir, err)
	}
	choice, err := etcd.Choose(cluster, etcd.Options{})
	if err != nil {
		return nil, err
	}
	store, err := local.New(local.Config{Dir: filepath.Join(dir, databaseDir), Create: true})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	save := snapshot.SaveConfig{
		Store: store, ClusterID: "c-" + ManagerID(cfg.Manager), Base: "holdfast-server", Node: snapshot.CleanNode(cfg.Host),
		Trigger: snapshot.TriggerRecurring, Encoding: snapshot.EncodingZstd, Verify: snapshot.LevelContent,
		MinFree: minFree, SpoolDir: dir, Tool: cfg.Tool, Host: cfg.Host, Now: cfg.Now, Log: cfg.Log,
	}
	for _, m := range choice.Candidates {
		save.Candidates = append(save.Candidates, snapshot.Candidate{
			Origin: snapshot.Origin{
				Endpoint: m.Endpoint, EtcdVersion: m.Status.Version, ClusterID: etcd.FormatID(cluster.ID),
				MemberID: etcd.FormatID(m.ID), MemberName: m.Label(), Leader: m.ID == cluster.Leader, Members: []snapshot.Member{},
			},
			ExpectedSize: m.Status.DBSize,
			Open: func(ctx context.Context) (snapshot.Stream, error) {
				return client.Snapshot(ctx, m, etcd.StreamConfig{})
			},
		})
	}
	return snapshot.Save(ctx, save)
}

func notRunning(dir string, err error) error {
	return &problem.Error{
		Kind: problem.Unreachable, Op: "reach the manager in", Subject: dir, Err: err,
		Why: "its database does not answer", Next: "start holdfast-server, or give its --data-dir",
	}
}

// send packs, encrypts and stores, all at the same time. Whatever goes wrong on the way keeps the object from
// appearing.
func send(ctx context.Context, cfg Config, b Backup, work string, manifest *snapshot.Manifest) (int64, error) {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(seal(writer, cfg, b, work, manifest)) }()
	info, err := cfg.Store.Put(ctx, b.Name, reader, blob.PutOptions{})
	// Put may give up without having read everything: then the packer must end, too.
	reader.CloseWithError(errors.New("the repository does not take it"))
	return info.Size, err
}

func seal(w io.Writer, cfg Config, b Backup, work string, manifest *snapshot.Manifest) error {
	sealed, err := age.Encrypt(w, cfg.Recipients...)
	if err != nil {
		return err
	}
	if err := pack(sealed, cfg, b, work, manifest); err != nil {
		return err
	}
	return sealed.Close()
}
