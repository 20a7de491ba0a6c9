package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// SaveConfig says what to save and where to.
type SaveConfig struct {
	// Store is the repository's store. Whoever calls has made sure that the cluster owns it.
	Store blob.Store
	// Candidates are the members to take it from, best first. The next is tried only when a stream breaks.
	Candidates []Candidate

	// ClusterID is Holdfast's id of the cluster.
	ClusterID string
	// Base name (requirements N2, N3) and node name: see CheckName.
	Base string
	Node string
	// Trigger decides how retention treats the snapshot.
	Trigger Trigger
	// Backup groups snapshots of one run. Empty: the snapshot is a backup of its own.
	Backup string
	// Encoding of the payload: EncodingRaw, EncodingZstd or EncodingZip.
	Encoding Encoding

	// Verify is how much evidence to gather. LevelRestore needs a Prover.
	Verify Level
	Prover Prover
	// Salvage publishes a database whose content is found damaged, as suspect, instead of refusing it.
	Salvage bool
	// Suspect, when not empty, says why the snapshot must not count as good.
	Suspect string
	// Alarms raised in the cluster.
	Alarms []string
	// KubernetesVersion for the manifest, if known.
	KubernetesVersion string

	// MinFree bytes must be left on the disks after the save; DefaultMinFree for the usual reserve.
	MinFree int64
	// SpoolDir holds the stream while it is encoded or uploaded. Empty: DefaultSpoolDir.
	SpoolDir string

	// Tool and Host are written into the manifest.
	Tool, Host string

	Now      func() time.Time
	Progress Progress
	Log      *slog.Logger
}

// Candidate is a member that a snapshot may be taken from.
type Candidate struct {
	Origin Origin
	// ExpectedSize is the size that the member reports, for a first look at the disk.
	ExpectedSize int64
	// Open begins the stream.
	Open func(ctx context.Context) (Stream, error)
}

// Stream is an etcd snapshot on its way: *etcd.Stream.
type Stream interface {
	// Size of the payload in bytes, with its trailer.
	Size() int64
	// Next returns the next bytes, valid until the next call, and io.EOF when all Size bytes have been returned. A
	// stream that stalls or breaks is an error.
	Next() ([]byte, error)
	Close() error
}

// streamError is trouble with the member, as opposed to trouble with this machine or the repository: another member
// may do better.
type streamError struct{ error }

func (e streamError) Unwrap() error { return e.error }

// Save takes a snapshot and returns its manifest as published. With an error it may still return a manifest: then the
// snapshot is in the repository, but the evidence that was asked for is missing or against it.
//
// The order is: stream to the spool while hashing; compare etcd's hash; check the content; complete the payload in the
// repository; write the manifest; try a restore from the repository; write the manifest again with that evidence. Cut
// at any point, the repository holds the whole snapshot or nothing of it.
func Save(ctx context.Context, cfg SaveConfig) (*Manifest, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	var m *Manifest
	var err error
	for i, c := range cfg.Candidates {
		s := &saver{SaveConfig: cfg, from: c}
		m, err = s.run(ctx)
		var broken streamError
		if !errors.As(err, &broken) || ctx.Err() != nil {
			break
		}
		if i+1 < len(cfg.Candidates) {
			cfg.Log.Warn("the stream broke, trying the next member", "member", c.Origin.MemberName, "error", err)
		}
	}
	if err != nil || cfg.Verify != LevelRestore {
		return m, err
	}
	return m, trying{Store: cfg.Store, Prover: cfg.Prover, SpoolDir: cfg.SpoolDir, Host: cfg.Host, Now: cfg.Now, Progress: cfg.Progress}.prove(ctx, m)
}

func (cfg *SaveConfig) complete() error {
	switch {
	case len(cfg.Candidates) == 0:
		return errors.New("save: no member to take the snapshot from")
	case cfg.Verify == LevelRestore && cfg.Prover == nil:
		return errors.New("save: evidence \"restore\" needs a prover")
	}
	for _, name := range []string{cfg.Base, cfg.Node} {
		if err := CheckName(name); err != nil {
			return &problem.Error{Kind: problem.Usage, Op: "save a snapshot", Err: err}
		}
	}
	if cfg.SpoolDir == "" {
		cfg.SpoolDir = DefaultSpoolDir()
	}
	return nil
}

// PutManifest writes a manifest beside its payload, replacing an older one of the same upload.
func PutManifest(ctx context.Context, store blob.Store, m *Manifest) error {
	data, err := m.Encode()
	if err != nil {
		return err
	}
	name := ManifestName(m.File, m.UploadID)
	if _, err := store.Put(ctx, name, bytes.NewReader(data), blob.PutOptions{
		ContentType: "application/json", SizeHint: int64(len(data)),
	}); err != nil {
		return fmt.Errorf("write the manifest %s: %w", store.Location(name), err)
	}
	return nil
}

// streamReader turns a Stream into a reader and marks its errors.
type streamReader struct {
	stream Stream
	rest   []byte
}

func (r *streamReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		next, err := r.stream.Next()
		if err == io.EOF {
			return 0, io.EOF
		}
		if err != nil {
			return 0, streamError{err}
		}
		r.rest = next
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
