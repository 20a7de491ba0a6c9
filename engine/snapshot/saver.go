package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// saver is one attempt at one save, from one member.
type saver struct {
	SaveConfig
	from     Candidate
	spool    spool
	tail     *tailSpool
	manifest *Manifest
	hash     hash.Hash // of the payload, as etcd sent it
}

// spool receives the stream: an unnamed temporary file, or a file of the store itself that only has to be renamed.
type spool interface {
	io.Writer
	io.ReaderAt
}

func (s *saver) run(ctx context.Context) (*Manifest, error) {
	if err := s.name(ctx); err != nil {
		return nil, err
	}
	stager, staged := s.Store.(blob.Stager)
	staged = staged && s.Encoding == EncodingRaw
	streamCtx, endStream := context.WithCancel(ctx)
	defer endStream()
	stream, err := s.from.Open(streamCtx)
	if err != nil {
		return nil, streamError{err}
	}
	defer stream.Close()
	if staged {
		return s.saveStaged(ctx, stager, stream)
	}
	return s.saveEncoded(ctx, stream, endStream)
}

// nameTries is how many seconds a snapshot's name may be moved on.
const nameTries = 10

// name finds a file name that is free. The time in it is moved on by a second when two snapshots of one name are taken
// within one, where k3s overwrites the first.
func (s *saver) name(ctx context.Context) error {
	if s.manifest == nil {
		s.describe(s.Now().UTC())
	}
	for moved := range nameTries {
		name := Name{Base: s.Base, Node: s.Node, Time: s.manifest.Created.Add(time.Duration(moved) * time.Second)}
		s.manifest.File = name.String() + s.Encoding.Extension()
		_, err := s.Store.Stat(ctx, s.manifest.File)
		if errors.Is(err, blob.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for %s: %w", s.Store.Location(s.manifest.File), err)
		}
	}
	return fmt.Errorf("save %s-%s: the names of the next %d seconds are taken", s.Base, s.Node, nameTries)
}

// publishNew stores the payload under a name that nobody has taken meanwhile: two saves may have found the same one
// free.
func (s *saver) publishNew(ctx context.Context, store func() (blob.Info, error)) (blob.Info, error) {
	for range nameTries {
		info, err := store()
		if !errors.Is(err, blob.ErrExists) {
			return info, err
		}
		if err := s.name(ctx); err != nil {
			return info, err
		}
	}
	return blob.Info{}, fmt.Errorf("store %s: %w", s.Store.Location(s.manifest.File), blob.ErrExists)
}

func (s *saver) describe(created time.Time) {
	s.manifest = &Manifest{
		Schema: Schema, UploadID: NewUploadID(), Backup: s.Backup, Name: s.Base, Node: s.Node,
		Trigger: s.Trigger, Created: created, ClusterID: s.ClusterID, Source: s.from.Origin,
		KubernetesVersion: s.KubernetesVersion, Alarms: s.Alarms, Suspect: s.Suspect, Tool: s.Tool,
		Stored: Stored{Encoding: s.Encoding},
	}
	if s.manifest.Backup == "" {
		s.manifest.Backup = s.manifest.UploadID
	}
}

// saveStaged streams into the repository's own file system, where publishing is a rename.
func (s *saver) saveStaged(ctx context.Context, stager blob.Stager, stream Stream) (*Manifest, error) {
	file, err := stager.Stage(ctx)
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", s.Store.Location(""), err)
	}
	defer file.Discard()
	if err := requireSpace("save a snapshot to", s.MinFree, claim{filepath.Dir(file.Path()), stream.Size()}); err != nil {
		return nil, err
	}
	s.spool, s.tail = file, newTailSpool(file)
	if err := s.receive(ctx, stream); err != nil {
		return nil, err
	}
	mapped, err := os.Open(file.Path())
	if errors.Is(err, fs.ErrNotExist) { // with the directory, since the stream began
		err = fmt.Errorf("%w any more: %w", blob.ErrNoStore, err)
	}
	if err != nil {
		return nil, err
	}
	defer mapped.Close()
	if err := s.inspect(ctx, mapped); err != nil {
		return nil, err
	}
	info, err := s.publishNew(ctx, func() (blob.Info, error) {
		return file.Commit(ctx, s.manifest.File, blob.PutOptions{IfAbsent: true})
	})
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", s.Store.Location(s.manifest.File), err)
	}
	return s.publish(ctx, info, s.hash)
}

// saveEncoded streams into a temporary file and encodes and uploads from there at whatever speed the repository has:
// a slow repository must not hold etcd's read transaction open.
func (s *saver) saveEncoded(ctx context.Context, stream Stream, endStream context.CancelFunc) (*Manifest, error) {
	claims := []claim{{s.SpoolDir, stream.Size()}}
	if dir := StoreSource(s.Store, blob.Info{}).Path(); dir != "" {
		claims = append(claims, claim{dir, stream.Size() / usualRatio})
	}
	if err := requireSpace("spool and save a snapshot in", s.MinFree, claims...); err != nil {
		return nil, err
	}
	file, err := newSpool(s.SpoolDir)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s.spool, s.tail = file, newTailSpool(file)

	group, groupCtx := errgroup.WithContext(ctx)
	// An upload that has failed must not wait for a member that sends nothing any more.
	defer context.AfterFunc(groupCtx, endStream)()
	var info blob.Info
	stored := sha256.New()
	group.Go(func() error {
		err := s.receive(groupCtx, stream)
		if err == nil {
			err = s.inspect(groupCtx, file.File)
		}
		s.tail.release(err)
		return err
	})
	group.Go(func() (err error) {
		info, err = s.publishNew(groupCtx, func() (blob.Info, error) {
			stored.Reset()
			return s.upload(groupCtx, stored, stream.Size())
		})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return s.publish(ctx, info, stored)
}

// receive brings the stream to the spool and compares etcd's hash of it.
func (s *saver) receive(ctx context.Context, stream Stream) error {
	s.hash = sha256.New()
	held := &holdBack{w: s.hash}
	var written int64
	total, err := flow(ctx, &streamReader{stream: stream}, held.write, func(chunk []byte) error {
		if _, err := s.spool.Write(chunk); err != nil {
			return fmt.Errorf("write the spool file: %w", err)
		}
		written += int64(len(chunk))
		s.tail.grow(written)
		s.Progress.report(PhaseStream, written, stream.Size())
		return nil
	})
	if err != nil {
		return err
	}
	sum := s.hash.Sum(nil)
	if total < minDatabase || !bytes.Equal(sum, held.tail) {
		return streamError{fmt.Errorf("%w on its way: etcd's SHA-256 is %x, the bytes received have %x", ErrDamaged, held.tail, sum)}
	}
	s.hash.Write(held.tail)
	s.manifest.Database.Size = total - TrailerSize
	s.manifest.Database.SHA256 = hex.EncodeToString(sum)
	s.manifest.AddEvidence(s.passed(LevelChecksum, 0))
	return nil
}

// inspect reads the database in the spool: all of it, or only what the manifest needs.
func (s *saver) inspect(ctx context.Context, file *os.File) error {
	started := s.Now()
	db := &s.manifest.Database
	finding, err := inspect(ctx, file, db.Size, s.Verify.Covers(LevelContent), s.Progress)
	if err == nil {
		finding.fill(db)
		if s.Verify.Covers(LevelContent) {
			s.manifest.AddEvidence(s.passed(LevelContent, s.Now().Sub(started)))
		}
		return nil
	}
	if !errors.Is(err, mvcc.ErrDamaged) {
		return err
	}
	if s.Salvage {
		s.manifest.Suspect = "its content is damaged: " + err.Error()
		return nil
	}
	return streamError{&problem.Error{
		Kind: problem.Damaged, Op: "save a snapshot of", Subject: s.from.Origin.Endpoint,
		Why:  "the database of member " + s.from.Origin.MemberName + " is itself damaged, although it arrived as it was sent",
		Next: "nothing was stored; take the snapshot from another member, or keep this one anyway with --salvage",
		Err:  err,
	}}
}

func (s *saver) passed(level Level, took time.Duration) Evidence {
	return Evidence{Level: level, Outcome: OutcomePassed, At: s.Now().UTC(), Took: took, Host: s.Host}
}

// publish writes the manifest of a payload that is in the repository.
func (s *saver) publish(ctx context.Context, info blob.Info, stored hash.Hash) (*Manifest, error) {
	s.manifest.Stored.Size = info.Size
	s.manifest.Stored.SHA256 = hex.EncodeToString(stored.Sum(nil))
	if err := PutManifest(ctx, s.Store, s.manifest); err != nil {
		return nil, fmt.Errorf("%s is stored and complete, but may be listed as unverified: %w", s.manifest.File, err)
	}
	return s.manifest, nil
}
