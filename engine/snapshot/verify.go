package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// VerifyConfig says what to test and how thoroughly.
type VerifyConfig struct {
	Source Source
	// Manifest of the snapshot; nil when it has none, and its own trailer must do.
	Manifest *Manifest
	Level    Level
	// Prover does the trial restore of LevelRestore.
	Prover Prover
	// SpoolDir holds an unpacked copy where one is needed.
	SpoolDir string
	Host     string
	Now      func() time.Time
	Progress Progress
}

// Prover restores a snapshot into a scratch directory, has a real etcd serve it, and compares what that etcd says.
type Prover interface {
	// Ready returns why a trial restore of a database of this size must be skipped here and now: too little memory or
	// disk. Empty: it can be done.
	Ready(size int64) string
	// Prove tries a restore. It returns how it was done, in a few words. An error that wraps ErrDamaged or
	// mvcc.ErrDamaged is about the snapshot; any other is about the trial itself.
	Prove(ctx context.Context, src Source, m *Manifest) (Proof, error)
}

// Proof is what a trial restore showed.
type Proof struct {
	// How it was done: "served by etcd 3.7.3 at revision 1204".
	How      string
	Database Database
}

// Verified is what a test showed.
type Verified struct {
	// Evidence for each level that was reached or tried.
	Evidence []Evidence
	// Database as it was found, for snapshots whose manifest does not say.
	Database Database
	Encoding Encoding
	// Stored describes the bytes that were read. Empty after a trial restore, which reads them in its own way.
	Stored Stored
}

// Verify tests a stored snapshot. It returns the evidence, also when the error says that the snapshot is damaged
// (problem.Damaged). A trial restore that had to be skipped is no error: the evidence says so, and the content has
// been checked instead.
func Verify(ctx context.Context, cfg VerifyConfig) (*Verified, error) {
	v := &verifier{VerifyConfig: cfg, result: &Verified{}, size: unpackedSize(ctx, cfg.Source, cfg.Manifest)}
	err := v.test(ctx)
	if err != nil && isDamage(err) && cfg.Source.Path() == "" && ctx.Err() == nil {
		// What came over a network may have been damaged on its way. A verdict that stays in the manifest wants the same
		// answer twice.
		v.result = &Verified{}
		err = v.test(ctx)
	}
	if err == nil {
		return v.result, nil
	}
	return v.result, v.explain(err)
}

type verifier struct {
	VerifyConfig
	result *Verified
	// size of the database, as good as it is known beforehand.
	size int64
}

func (v *verifier) test(ctx context.Context) error {
	if v.Level != LevelRestore {
		return v.read(ctx, v.Level.Covers(LevelContent))
	}
	reason := v.Prover.Ready(v.size)
	if reason == "" {
		return v.prove(ctx)
	}
	started := v.Now()
	err := v.read(ctx, true)
	v.note(LevelRestore, OutcomeSkipped, started, reason)
	return err
}

func (v *verifier) note(l Level, o Outcome, started time.Time, reason string) {
	now := v.Now()
	v.result.Evidence = append(v.result.Evidence, Evidence{
		Level: l, Outcome: o, At: now.UTC(), Took: now.Sub(started), Reason: reason, Host: v.Host,
	})
}

func (v *verifier) prove(ctx context.Context) error {
	started := v.Now()
	v.Progress.report(PhaseTrial, 0, 1)
	proof, err := v.Prover.Prove(ctx, v.Source, v.Manifest)
	v.Progress.report(PhaseTrial, 1, 1)
	if err != nil {
		if isDamage(err) {
			v.note(LevelRestore, OutcomeFailed, started, err.Error())
		}
		return err
	}
	v.result.Database = proof.Database
	for _, l := range []Level{LevelChecksum, LevelContent} {
		v.note(l, OutcomePassed, started, "")
	}
	v.note(LevelRestore, OutcomePassed, started, proof.How)
	return nil
}

// read tests the stored bytes and, when full, the content.
func (v *verifier) read(ctx context.Context, full bool) error {
	started := v.Now()
	level := LevelChecksum
	err := v.readBytes(ctx, full, func() {
		v.note(LevelChecksum, OutcomePassed, started, "")
		level = LevelContent
	})
	if err == nil && full {
		v.note(LevelContent, OutcomePassed, started, "")
	}
	if err != nil && isDamage(err) {
		v.note(level, OutcomeFailed, started, err.Error())
	}
	return err
}

// readBytes hashes the payload, and when full walks the content meanwhile; summed is called when the hashes are right. A
// raw file on this machine is mapped where it lies, anything else is unpacked into the spool.
func (v *verifier) readBytes(ctx context.Context, full bool, summed func()) error {
	var x *extracted
	var err error
	var found reading
	e := extraction{src: v.Source, manifest: v.Manifest, spoolDir: v.SpoolDir}
	switch {
	case isRawFile(ctx, v.Source):
		x, err = v.readInPlace(ctx, e, full, &found)
	case full:
		x, err = v.readUnpacked(ctx, e, &found)
	default:
		x, err = e.look(ctx)
	}
	if err != nil {
		return err
	}
	summed()
	if found.err != nil {
		return found.err
	}
	v.describe(x, found.finding)
	if found.finding == nil {
		return nil
	}
	return compareContent(v.Manifest, found.finding)
}

// reading is what a look at the content came to. What it finds wrong counts only when the hash is right, which explains
// more.
type reading struct {
	finding *finding
	err     error
}

func (v *verifier) readInPlace(ctx context.Context, e extraction, full bool, found *reading) (*extracted, error) {
	file, err := os.Open(v.Source.Path())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var x *extracted
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		x, err = e.look(ctx)
		return err
	})
	group.Go(func() error {
		found.finding, found.err = inspect(ctx, file, v.Source.Size()-TrailerSize, full, v.Progress)
		return nil
	})
	err = group.Wait()
	return x, err
}

func (v *verifier) readUnpacked(ctx context.Context, e extraction, found *reading) (*extracted, error) {
	if err := requireSpace("unpack a snapshot in", 0, claim{v.SpoolDir, v.size}); err != nil {
		return nil, err
	}
	spool, err := newSpool(v.SpoolDir)
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	out := newOutput(spool, v.Progress.of(PhaseRead, v.size))
	return e.to(ctx, out, func(ctx context.Context, size int64) {
		found.finding, found.err = inspect(ctx, spool.File, size, true, v.Progress)
	})
}

func (v *verifier) describe(x *extracted, f *finding) {
	v.result.Encoding = x.encoding
	v.result.Stored = Stored{Encoding: x.encoding, Size: x.storedSize, SHA256: x.storedSHA256}
	v.result.Database.Size = x.size
	v.result.Database.SHA256 = fmt.Sprintf("%x", x.sha256)
	if f != nil {
		f.fill(&v.result.Database)
	}
}

func isDamage(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, mvcc.ErrDamaged) || errors.Is(err, ErrManifest) ||
		errors.Is(err, ErrNoTrailer) || errors.Is(err, ErrNotSnapshot)
}

func (v *verifier) explain(err error) error {
	if !isDamage(err) {
		return err
	}
	return &problem.Error{
		Kind: problem.Damaged, Op: "verify", Subject: v.Source.Location(), Err: err,
		Next: "do not count on this snapshot; look for another with holdfast repo ls, and take a new one soon",
	}
}
