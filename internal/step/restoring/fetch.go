package restoring

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/ranged"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// fetched is the note of a snapshot that lies on this machine's disk, checked.
type fetched struct {
	Path     string             `json:"path"`
	Manifest *snapshot.Manifest `json:"manifest,omitempty"`
	// Copy that it is of, with its hash and size.
	Copy step.Copy `json:"copy,omitzero"`
}

// fetch brings the snapshot to this machine.
type fetch struct {
	base
	settings step.FetchSettings
}

// Check implements step.Step.
func (s *fetch) Check(context.Context) error {
	c := s.settings.Copy
	switch {
	case c.Location == "":
		return errors.New("fetch a snapshot: the settings name none")
	case s.isLocal(c) || strings.HasPrefix(c.Location, "s3://"):
		return nil
	case len(s.settings.URLs) == 0:
		return fmt.Errorf("fetch %s: it lies on %s, which offers no URL", c.Location, c.Machine)
	case s.Peers == nil:
		return errors.New("fetch a snapshot from another machine: this one has no identity")
	}
	return nil
}

// isLocal says whether a copy lies on this machine's disk.
func (b base) isLocal(c step.Copy) bool {
	return !strings.HasPrefix(c.Location, "s3://") && (c.Machine == "" || c.Machine == b.Name)
}

// Do implements step.Step.
func (s *fetch) Do(ctx context.Context, report step.Report) (any, error) {
	got, err := s.obtain(ctx, report)
	if err != nil {
		return nil, err
	}
	report("checking all of it", "")
	src, err := snapshot.FileSource(got.Path)
	if err != nil {
		return nil, err
	}
	shown, err := snapshot.Verify(ctx, snapshot.VerifyConfig{
		Source: src, Manifest: got.Manifest, Level: snapshot.LevelContent, SpoolDir: s.SpoolDir, Host: s.Places.Host, Now: s.Now,
	})
	if err != nil {
		return nil, err
	}
	if err := s.refused(ctx, got); err != nil {
		return nil, err
	}
	evidence := step.FetchEvidence{SHA256: got.Copy.SHA256, Size: got.Copy.Size, Revision: shown.Database.Revision, CompactRevision: shown.Database.CompactRevision}
	if shown.Database.HashKV != nil {
		evidence.ContentHash = *shown.Database.HashKV
	}
	if got.Manifest != nil {
		evidence.EtcdVersion = got.Manifest.Source.EtcdVersion
	}
	if evidence.Token, err = s.handOn(ctx); err != nil {
		return nil, err
	}
	return evidence, nil
}

// obtain returns the snapshot on this machine's disk, noted, with the bytes that the settings name. What was fetched for this
// operation before is not fetched again.
func (s *fetch) obtain(ctx context.Context, report step.Report) (fetched, error) {
	if got, ok := s.before(ctx); ok {
		return got, nil
	}
	got, err := s.bring(ctx, report)
	if err != nil {
		return got, err
	}
	got.Copy = s.settings.Copy
	if got.Copy.SHA256, got.Copy.Size, err = s.compare(ctx, got.Path); err != nil {
		return got, err
	}
	return got, s.notes.write(noteFetched, got)
}

// before is what was fetched before, if it is still there as it was.
func (s *fetch) before(ctx context.Context) (fetched, bool) {
	var got fetched
	noted, err := s.notes.read(noteFetched, &got)
	if err != nil || !noted || got.Copy.Location != s.settings.Copy.Location || got.Copy.Machine != s.settings.Copy.Machine {
		return got, false
	}
	sum, size, err := s.compare(ctx, got.Path)
	return got, err == nil && sum == got.Copy.SHA256 && size == got.Copy.Size
}

// bring finds the snapshot on this machine's disk, or brings it there.
func (s *fetch) bring(ctx context.Context, report step.Report) (fetched, error) {
	c := s.settings.Copy
	switch {
	case strings.HasPrefix(c.Location, "s3://"):
		return s.download(ctx, report)
	case s.isLocal(c):
		return s.findLocal(ctx, c.Location)
	}
	return s.fromPeer(ctx, report)
}

// findLocal looks a local snapshot up; one that lies elsewhere than in the repository has no manifest.
func (b base) findLocal(ctx context.Context, location string) (fetched, error) {
	repo, entry, err := b.Places.Find(ctx, location)
	if err != nil {
		if _, statErr := os.Stat(location); statErr == nil && filepath.IsAbs(location) {
			return fetched{Path: location}, nil
		}
		return fetched{}, err
	}
	defer repo.Close()
	return fetched{Path: location, Manifest: entry.Manifest}, nil
}

func (s *fetch) target(name string) (string, error) {
	if err := durable.MkdirAll(s.fetchedDir(), 0o700); err != nil {
		return "", err
	}
	return filepath.Join(s.fetchedDir(), filepath.Base(name)), nil
}

// Requests of this size, so many at once, keep a fast line busy and take 16 MiB of memory.
const (
	fetchChunk    = 4 << 20
	fetchParallel = 4
)

// download fetches the stored bytes from S3.
func (s *fetch) download(ctx context.Context, report step.Report) (fetched, error) {
	repo, entry, err := s.Places.Find(ctx, s.settings.Copy.Location)
	if err != nil {
		return fetched{}, err
	}
	defer repo.Close()
	if err := s.dropFetched(); err != nil { // another one, of a plan that has changed since
		return fetched{}, err
	}
	path, err := s.target(entry.File)
	if err != nil {
		return fetched{}, err
	}
	body, err := ranged.NewReader(ctx, repo.Store(), entry.Info, ranged.Config{Chunk: fetchChunk, Parallel: fetchParallel})
	if err != nil {
		return fetched{}, repository.Explain("fetch", s.settings.Copy.Location, err)
	}
	defer body.Close()
	err = durable.Write(path, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, &told{Reader: body, total: entry.Info.Size, tell: telling(report)})
		return err
	})
	if err != nil {
		return fetched{}, repository.Explain("fetch", s.settings.Copy.Location, err)
	}
	return fetched{Path: path, Manifest: entry.Manifest}, nil
}

// fromPeer fetches the snapshot from another machine, at the first of its URLs that answers.
func (s *fetch) fromPeer(ctx context.Context, report step.Report) (fetched, error) {
	c := s.settings.Copy
	path, err := s.target(c.Location)
	if err != nil {
		return fetched{}, err
	}
	var errs []error
	for _, url := range s.settings.URLs {
		manifest, err := s.Peers.Fetch(ctx, url, c.Machine, path, telling(report))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", url, err))
			continue
		}
		got := fetched{Path: path}
		if len(manifest) > 0 {
			if got.Manifest, err = snapshot.DecodeManifest(manifest); err != nil {
				return got, fmt.Errorf("%s: %w", url, err)
			}
		}
		return got, nil
	}
	return fetched{}, fmt.Errorf("fetch the snapshot from %s: %w", c.Machine, errors.Join(errs...))
}

// compare hashes what lies here and compares it with what the catalogue says of the copy.
func (s *fetch) compare(ctx context.Context, path string) (sum string, size int64, err error) {
	sum, size, err = hashFile(ctx, path)
	if err != nil {
		return "", 0, err
	}
	want := s.settings.Copy
	if cmp.Or(want.SHA256, sum) != sum || cmp.Or(want.Size, size) != size {
		return "", 0, &problem.Error{
			Kind: problem.Damaged, Op: "fetch", Subject: want.Location, Err: snapshot.ErrDamaged,
			Why:  fmt.Sprintf("its SHA-256 is %s (%d bytes) and should be %s (%d bytes)", sum, size, want.SHA256, want.Size),
			Next: "restore another copy or snapshot",
		}
	}
	return sum, size, nil
}

func hashFile(ctx context.Context, path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return f.Read(p)
	}))
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Undo removes what was brought here.
func (s *fetch) Undo(context.Context, step.Report) error { return s.dropFetched() }

// dropFetched removes what was brought here.
func (b base) dropFetched() error {
	if err := os.RemoveAll(b.fetchedDir()); err != nil {
		return err
	}
	return b.notes.remove(noteFetched)
}

// told tells how much has been read.
type told struct {
	io.Reader
	n, total int64
	tell     func(done, total int64)
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.n += int64(n)
	t.tell(t.n, t.total)
	return n, err
}

// telling words progress, at each sixteenth: every time is a message to the manager.
func telling(report step.Report) func(done, total int64) {
	var last int64 = -1
	return func(done, total int64) {
		if total <= 0 || done*16/total == last {
			return
		}
		last = done * 16 / total
		report(fmt.Sprintf("fetched %s of %s", humanize.IBytes(uint64(done)), humanize.IBytes(uint64(total))), "")
	}
}
