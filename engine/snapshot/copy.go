package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// CopyConfig says which stored snapshot goes where.
type CopyConfig struct {
	Source Source
	// Manifest of the snapshot. Without one there is nothing to compare the copy with, and nothing is copied.
	Manifest *Manifest
	// Store to copy into. Whoever calls has made sure that the cluster owns it.
	Store blob.Store
	// Encoding of the copy: EncodingRaw, EncodingZstd or EncodingZip.
	Encoding Encoding
	// File is the copy's name. Empty: that of the snapshot, with the encoding's extension.
	File string
	// Metadata is given to the payload beside Holdfast's own, for other programs that read it.
	Metadata map[string]string
	SpoolDir string
	// Tool and Host are written into the copy's manifest.
	Tool, Host string
	Now        func() time.Time
	Progress   Progress
}

// Copy stores a snapshot a second time, in another store or encoding, and returns the manifest of the copy as published.
// The database is hashed on its way, and compared with the manifest before the copy is completed. Nothing is asked of
// etcd.
//
// The copy's evidence is its own: that its bytes were compared, and, since the database is the same, that its content was
// checked. A trial restore of the source is none of the copy. Copy may be repeated: what a former one stored is found, and
// a payload that it left without a manifest is replaced where the store keeps metadata, else refused as blob.ErrExists.
func Copy(ctx context.Context, cfg CopyConfig) (*Manifest, error) {
	if cfg.Manifest == nil {
		return nil, fmt.Errorf("copy %s: it has no manifest", cfg.Source.Location())
	}
	if cfg.SpoolDir == "" {
		cfg.SpoolDir = DefaultSpoolDir()
	}
	c := &copier{CopyConfig: cfg, manifest: describeCopy(cfg)}
	if err := compareSize(cfg.Manifest, cfg.Source); err != nil {
		return nil, (&verifier{VerifyConfig: VerifyConfig{Source: cfg.Source}}).explain(err)
	}
	known, ours, err := c.find(ctx)
	if known != nil || err != nil {
		return known, err
	}
	if err := c.store(ctx, !ours); err != nil {
		return nil, (&verifier{VerifyConfig: VerifyConfig{Source: cfg.Source}}).explain(err)
	}
	if err := PutManifest(ctx, cfg.Store, c.manifest); err != nil {
		return nil, err
	}
	return c.manifest, nil
}

type copier struct {
	CopyConfig
	manifest *Manifest
}

// describeCopy begins the copy's manifest. Its upload id follows from the source and the place, so that a later attempt
// knows an earlier one's payload.
func describeCopy(cfg CopyConfig) *Manifest {
	m := *cfg.Manifest
	stem, _ := SplitExtension(m.File)
	m.File = cmp.Or(cfg.File, stem+cfg.Encoding.Extension())
	id := sha256.Sum256([]byte(cfg.Manifest.UploadID + "\n" + cfg.Store.Location(m.File)))
	m.UploadID = hex.EncodeToString(id[:8])
	m.Stored = Stored{Encoding: cfg.Encoding}
	m.Tool = cfg.Tool
	m.Alarms = slices.Clone(m.Alarms)
	m.Evidence = nil
	return &m
}

// find looks for what an earlier attempt stored: the whole copy, or its payload alone.
func (c *copier) find(ctx context.Context) (known *Manifest, ours bool, err error) {
	info, err := c.Store.Stat(ctx, c.manifest.File)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look for %s: %w", c.Store.Location(c.manifest.File), err)
	}
	id := info.Metadata[MetadataUploadID]
	ours = id == c.manifest.UploadID
	body, err := c.Store.Get(ctx, ManifestName(c.manifest.File, c.manifest.UploadID), 0, -1, "")
	if errors.Is(err, blob.ErrNotExist) {
		return nil, ours, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return nil, false, err
	}
	m, err := DecodeManifest(data)
	if err == nil && (ours || id == "") && m.Stored.Size == info.Size && m.Database.SHA256 == c.manifest.Database.SHA256 {
		return m, true, nil
	}
	return nil, ours, nil
}

// store writes the payload, encoded anew.
func (c *copier) store(ctx context.Context, absent bool) error {
	e := extraction{src: c.Source, manifest: c.Manifest, spoolDir: c.SpoolDir}
	p, _, err := e.open(ctx)
	if err != nil {
		return expected(c.Manifest, err)
	}
	defer p.Close()
	started := c.Now()
	stored := sha256.New()
	info, err := c.put(ctx, c.compared(p), stored, absent)
	if err != nil {
		return err
	}
	c.manifest.Stored.Size = info.Size
	c.manifest.Stored.SHA256 = hex.EncodeToString(stored.Sum(nil))
	c.testify(started)
	return nil
}

func (c *copier) testify(started time.Time) {
	now := c.Now()
	c.manifest.AddEvidence(Evidence{
		Level: LevelChecksum, Outcome: OutcomePassed, At: now.UTC(), Took: now.Sub(started), Host: c.Host,
		Reason: "hashed while it was copied from " + c.Source.Location(),
	})
	for _, e := range c.Manifest.Evidence {
		if e.Level == LevelContent && e.Outcome == OutcomePassed {
			e.Reason = "the same database as " + c.Source.Location()
			c.manifest.AddEvidence(e)
		}
	}
}

func (c *copier) put(ctx context.Context, payload io.Reader, stored hash.Hash, absent bool) (blob.Info, error) {
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	var encoder sync.WaitGroup
	stem, _ := SplitExtension(c.manifest.File)
	encoder.Go(func() {
		write.CloseWithError(encode(write, payload, c.Encoding, stem, c.manifest.Created))
	})
	defer func() { // a Put that gave up early leaves the encoder waiting
		read.Close()
		cancel()
		encoder.Wait()
	}()
	metadata := map[string]string{MetadataUploadID: c.manifest.UploadID, MetadataNode: c.manifest.Node}
	maps.Copy(metadata, c.Metadata)
	info, err := c.Store.Put(ctx, c.manifest.File, io.TeeReader(read, stored), blob.PutOptions{
		IfAbsent: absent, SizeHint: c.Manifest.Database.Size, Metadata: metadata,
	})
	if err != nil {
		return info, fmt.Errorf("store %s: %w", c.Store.Location(c.manifest.File), err)
	}
	return info, nil
}

// compared passes a payload on, and ends with io.EOF only when all hashes were right.
func (c *copier) compared(p *payload) io.Reader {
	r := &comparingReader{payload: p, want: c.Manifest, hash: sha256.New(), progress: c.Progress}
	r.held = &holdBack{w: r.hash}
	return r
}

type comparingReader struct {
	payload  *payload
	want     *Manifest
	hash     hash.Hash // of the database
	held     *holdBack
	n        int64
	progress Progress
}

func (r *comparingReader) Read(p []byte) (int, error) {
	n, err := r.payload.Read(p)
	r.n += int64(n)
	if err := r.held.write(p[:n]); err != nil {
		return n, err
	}
	r.progress.report(PhaseUpload, r.n, r.want.Database.Size+TrailerSize)
	if err == io.EOF {
		if wrong := r.compare(); wrong != nil {
			return n, wrong
		}
	}
	return n, err
}

func (r *comparingReader) compare() error {
	sum := r.hash.Sum(nil)
	switch {
	case r.n != r.want.Database.Size+TrailerSize:
		return fmt.Errorf("%w: the database in it has %d bytes, its manifest says %d", ErrDamaged, r.n-TrailerSize, r.want.Database.Size)
	case !bytes.Equal(sum, r.held.tail):
		return fmt.Errorf("%w: etcd's SHA-256 at its end is %x, its content's is %x", ErrDamaged, r.held.tail, sum)
	case hex.EncodeToString(sum) != r.want.Database.SHA256:
		return fmt.Errorf("%w: the database in it has SHA-256 %x, its manifest says %s", ErrDamaged, sum, r.want.Database.SHA256)
	}
	if r.payload.stored == nil {
		return nil
	}
	stored, err := r.payload.stored()
	if err == nil && hex.EncodeToString(stored) != r.want.Stored.SHA256 {
		err = fmt.Errorf("%w: its SHA-256 is %x, its manifest says %s", ErrDamaged, stored, r.want.Stored.SHA256)
	}
	return err
}
