package snapshot

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// RestoreConfig says what to restore, and the member that it becomes. The flags of etcdutl snapshot restore have the
// same names and meanings.
type RestoreConfig struct {
	Source Source
	// Manifest of the snapshot; nil when it has none, and the payload's own trailer must do.
	Manifest *Manifest
	Target   Target

	// BumpRevision raises the revision by this much and marks everything before as compacted, so that clients which
	// have seen newer revisions notice. MarkCompacted must be set with it, as for etcdutl.
	BumpRevision  uint64
	MarkCompacted bool
	// EtcdVersion retargets the storage version, as "3.6". Empty: the snapshot's own.
	EtcdVersion string
	// RunVersion is the version of the etcd that will open the result, if known, as "3.6.14": one that cannot is
	// refused. Empty: not checked.
	RunVersion string
	// SkipHashCheck accepts a raw copy of a member's db file, which has no hash, after a full content check.
	SkipHashCheck bool

	// MinFree bytes must be left on the target's disk; DefaultMinFree for the usual reserve.
	MinFree  int64
	SpoolDir string
	Progress Progress
}

// Target is the member to make. Each member of a new cluster is restored from the same snapshot, with the same
// InitialCluster and InitialClusterToken.
type Target struct {
	// Name of the member.
	Name string
	// InitialCluster lists all members: "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380".
	InitialCluster      string
	InitialClusterToken string
	// PeerURLs that this member advertises.
	PeerURLs []string
	// DataDir must not exist or be empty.
	DataDir string
	// WALDir, when not empty, must not exist.
	WALDir string
}

// Restored says what was made.
type Restored struct {
	DataDir   string `json:"dataDir"`
	Name      string `json:"name"`
	MemberID  string `json:"memberID"`
	ClusterID string `json:"etcdClusterID"`
	// Revision that the member will start with.
	Revision int64 `json:"revision"`
	// Snapshot is the database as it was in the snapshot.
	Snapshot Database `json:"snapshot"`
	// StorageVersion of the result; empty before 3.6.
	StorageVersion string `json:"storageVersion,omitempty"`
	// ClearedAlarms were raised in the snapshot. A NOSPACE alarm that stays would refuse every write.
	ClearedAlarms []string      `json:"clearedAlarms,omitempty"`
	Took          time.Duration `json:"tookNanoseconds"`
}

// Restore makes a data directory from a snapshot. It refuses before its first write whatever can be known by then,
// builds in a temporary place on the target's file system, checks the result, and renames last: the data directory is
// either absent (or empty, as it was) or complete. What an interrupted restore left is removed by the next one.
func Restore(ctx context.Context, cfg RestoreConfig) (*Restored, error) {
	started := time.Now()
	p, err := plan(ctx, cfg)
	if err != nil {
		return nil, err
	}
	site, err := newSite(cfg.Target)
	if err != nil {
		return nil, err
	}
	if err := requireSpace("restore into", cfg.MinFree, site.claims(p.size)...); err != nil {
		return nil, err
	}
	defer site.discard()
	if err := site.create(); err != nil {
		return nil, err
	}
	r := &restorer{RestoreConfig: cfg, plan: p, site: site, log: zap.NewNop()}
	result, err := r.build(ctx)
	if err != nil {
		return nil, diskProblem("restore into", cfg.Target.DataDir, err)
	}
	if err := site.publish(ctx); err != nil {
		return nil, err
	}
	result.Took = time.Since(started)
	return result, nil
}

// restorer is one restore under way.
type restorer struct {
	RestoreConfig
	plan *restorePlan
	site *site
	log  *zap.Logger
}

func (r *restorer) build(ctx context.Context) (*Restored, error) {
	path := filepath.Join(r.site.member, "snap", "db")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The log depends on the plan alone, and preallocating it takes its time.
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(r.writeWAL)
	var x *extracted
	var f *finding
	group.Go(func() (err error) {
		x, f, err = r.copyAndCheck(groupCtx, path)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r.Progress.report(PhaseInstall, 0, x.size)
	edit, err := r.edit(ctx, path, f)
	if err != nil {
		return nil, err
	}
	if err := r.recheck(ctx, path, f); err != nil {
		return nil, err
	}
	if err := r.site.sync(); err != nil {
		return nil, err
	}
	r.Progress.report(PhaseInstall, x.size, x.size)
	return r.describe(x, f, edit), nil
}

// copyAndCheck writes the database to path, compares everything that is known of its bytes, and reads all of it before
// bbolt is let near it.
func (r *restorer) copyAndCheck(ctx context.Context, path string) (*extracted, *finding, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	x, f, err := r.copyInto(ctx, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, nil, r.refuse(err)
	}
	return x, f, r.plan.version.accept(f.head)
}

func (r *restorer) copyInto(ctx context.Context, file *os.File) (*extracted, *finding, error) {
	out := newOutput(file, r.Progress.of(PhaseRead, r.plan.size))
	out.keep = true
	var found reading
	e := extraction{src: r.Source, manifest: r.Manifest, spoolDir: r.SpoolDir, bare: r.SkipHashCheck}
	x, err := e.to(ctx, out, func(ctx context.Context, size int64) {
		found.finding, found.err = inspect(ctx, file, size, true, r.Progress)
	})
	if err == nil {
		err = found.err
	}
	if err != nil {
		return nil, nil, err
	}
	return x, found.finding, compareContent(r.Manifest, found.finding)
}

// recheck walks the finished file: what the edit did must not have touched a record.
func (r *restorer) recheck(ctx context.Context, path string, before *finding) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	db, err := mvcc.Open(file, info.Size())
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := db.Check(ctx)
	if err != nil {
		return fmt.Errorf("check the finished database: %w", err)
	}
	if got, want := records(s), records(before.content.Structure); got != want {
		return fmt.Errorf("check the finished database: it has %d records instead of %d", got, want)
	}
	return nil
}

// records is the number of revisions in a database.
func records(s mvcc.Structure) int64 {
	for _, b := range s.Buckets {
		if b.Name == "key" {
			return b.Records
		}
	}
	return 0
}

func (r *restorer) describe(x *extracted, f *finding, e *edited) *Restored {
	d := Database{Size: x.size, SHA256: hex.EncodeToString(x.sha256[:])}
	f.fill(&d)
	return &Restored{
		DataDir: r.Target.DataDir, Name: r.Target.Name,
		MemberID: fmt.Sprintf("%x", uint64(r.plan.self)), ClusterID: fmt.Sprintf("%x", uint64(r.plan.cluster.ID())),
		Revision: e.revision, Snapshot: d,
		StorageVersion: e.storageVersion, ClearedAlarms: e.alarms,
	}
}

// refuse words what a snapshot that cannot be restored means for the operator. Anything else it returns as it is: where
// the restore was going is said once, by Restore.
func (r *restorer) refuse(err error) error {
	p := &problem.Error{Op: "restore", Subject: r.Source.Location(), Err: err}
	switch {
	case errors.Is(err, ErrNoTrailer):
		p.Kind = problem.Refused
		p.Next = "if you trust this copy, pass --skip-hash-check: its content is then checked in full"
	case errors.Is(err, ErrDamaged), errors.Is(err, mvcc.ErrDamaged), errors.Is(err, ErrManifest):
		p.Kind = problem.Damaged
		p.Next = "nothing was written; restore another snapshot: holdfast repo ls, holdfast repo verify"
	case errors.Is(err, ErrNotSnapshot):
		p.Kind = problem.Refused
		p.Next = "name a file that holdfast, etcdctl, k3s, rke2 or RKE wrote, packed or not"
	default:
		var file *fs.PathError
		if errors.As(err, &file) && file.Path == r.Source.Path() {
			return readProblem(file.Path, err)
		}
		return err
	}
	return p
}
