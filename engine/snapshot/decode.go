package snapshot

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

var (
	errNotRegular = errors.New("not a regular file")

	// ErrNotSnapshot: the file is none of the forms that the package documentation lists.
	ErrNotSnapshot = errors.New("not an etcd snapshot")
	// ErrDamaged: the stored bytes, or what they unpack to, are not what was written.
	ErrDamaged = errors.New("the snapshot is damaged")
	// ErrNoTrailer: a bare database file, as copied from member/snap/db, which nothing vouches for.
	ErrNoTrailer = errors.New("the file has no SHA-256 at its end: it was copied from a data directory, not saved by etcd")
)

// A zstd stream may ask its reader for a window of any size; what we write needs 8 MiB, and so do zstd's own levels up
// to 19.
const maxZstdWindow = 32 << 20

// payload is the decoded stream of a stored snapshot, which also knows the hash of the stored bytes when it has been
// read to its end.
type payload struct {
	io.Reader
	close func() error
	// stored is nil when the stored bytes are the payload itself: whoever hashes that need not hash them twice.
	stored func() ([]byte, error)
}

// Close releases what the payload holds.
func (p *payload) Close() error { return p.close() }

// open begins to decode the source. Zip archives have their directory at the end, so one that is not a local file is
// fetched into an unnamed file in spoolDir first.
func (e extraction) open(ctx context.Context) (*payload, Encoding, error) {
	head, err := readHead(ctx, e.src)
	if err != nil {
		return nil, "", err
	}
	enc, ok := Sniff(e.src.Name(), head)
	if !ok && hasSecondMeta(ctx, e.src) {
		enc, ok = EncodingRaw, true
	}
	if ok {
		p, err := e.openAs(ctx, enc)
		return p, enc, err
	}
	if enc, ok = sniffLoose(head); !ok {
		return nil, "", ErrNotSnapshot
	}
	p, err := e.openAs(ctx, enc)
	if err != nil {
		return nil, enc, err
	}
	if err := p.requireDatabase(); err != nil {
		return nil, enc, errors.Join(err, p.Close())
	}
	return p, enc, nil
}

func (e extraction) openAs(ctx context.Context, enc Encoding) (*payload, error) {
	switch enc {
	case EncodingZip, EncodingRKE:
		return openZip(ctx, e.src, e.spoolDir)
	case EncodingZstd:
		return e.openZstd(ctx)
	default:
		r, err := e.src.Open(ctx)
		if err != nil {
			return nil, err
		}
		return &payload{Reader: &countedReader{r: r, want: e.src.Size()}, close: r.Close}, nil
	}
}

// requireDatabase looks at the beginning of what is unpacked, which nobody has looked at before: a packed text is no
// damaged snapshot. Whether it is a text or damage shows when all of it has been unpacked.
func (p *payload) requireDatabase() error {
	var head bytes.Buffer
	_, err := io.CopyN(&head, p.Reader, boltHead)
	if err == nil && isDatabase(head.Bytes()) {
		p.Reader = io.MultiReader(&head, p.Reader)
		return nil
	}
	if err == nil {
		_, err = io.Copy(io.Discard, p.Reader)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("%w: something else is packed in it", ErrNotSnapshot)
}

// hasSecondMeta recognises a database whose first page is damaged by its second one: etcd's hash tells whether that
// happened since it was saved, and bbolt can open it with either.
func hasSecondMeta(ctx context.Context, src Source) bool {
	const largestPage = 64 << 10
	r, err := src.Open(ctx)
	if err != nil {
		return false
	}
	defer r.Close()
	var head bytes.Buffer
	if _, err := io.CopyN(&head, r, largestPage+boltHead); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	for page := 512; page <= largestPage && page+boltHead <= head.Len(); page *= 2 {
		if isMeta(head.Bytes()[page:], 1) {
			return true
		}
	}
	return false
}

// sniffLoose is for a file that the user named: an archive of any name with one entry will do.
func sniffLoose(head []byte) (Encoding, bool) {
	switch {
	case bytes.HasPrefix(head, zipMagic()):
		return EncodingZip, true
	case bytes.HasPrefix(head, zstdMagic()):
		return EncodingZstd, true
	}
	return "", false
}

// isRawFile tells whether src is a file on this machine that can be read as a database where it lies.
func isRawFile(ctx context.Context, src Source) bool {
	if src.Path() == "" || src.Size()%512 != TrailerSize {
		return false
	}
	head, err := readHead(ctx, src)
	return err == nil && isDatabase(head)
}

func readHead(ctx context.Context, src Source) ([]byte, error) {
	r, err := src.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, min(SniffSize(src.Name()), src.Size()))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("read the beginning of %s: %w", src.Location(), err)
	}
	return head, nil
}

func (e extraction) openZstd(ctx context.Context) (*payload, error) {
	r, err := e.src.Open(ctx)
	if err != nil {
		return nil, err
	}
	counted := newHashingReader(r, e.src.Size())
	p := &payload{close: r.Close, stored: counted.sum}
	// Decoding in the caller's goroutine costs a quarter less than in several; what overlaps are hashing and writing.
	// What the SHA-256 in a manifest vouches for needs no second, weaker checksum.
	dec, err := zstd.NewReader(counted, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.IgnoreChecksum(e.manifest != nil))
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	p.Reader = damagedReader{dec, counted.failed.get}
	p.close = func() error {
		dec.Close()
		return r.Close()
	}
	return p, nil
}

// countedReader finds out when there are fewer bytes than there should be.
type countedReader struct {
	r       io.Reader
	n, want int64
	failed  failure
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	switch {
	case err == io.EOF && c.n != c.want:
		return n, fmt.Errorf("%w: %d bytes instead of %d", ErrDamaged, c.n, c.want)
	case err != nil && err != io.EOF:
		c.failed.set(err)
	}
	return n, err
}

// failure remembers why stored bytes could not be read. A decoder sees a broken connection as an early end, and says
// the same of a damaged stream.
type failure struct{ first atomic.Pointer[error] }

func (f *failure) set(err error) { f.first.CompareAndSwap(nil, &err) }

func (f *failure) get() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}

// hashingReader hashes the stored bytes as they pass.
type hashingReader struct {
	countedReader
	hash hash.Hash
}

func newHashingReader(r io.Reader, want int64) *hashingReader {
	return &hashingReader{countedReader: countedReader{r: r, want: want}, hash: sha256.New()}
}

func (h *hashingReader) Read(p []byte) (int, error) {
	n, err := h.countedReader.Read(p)
	h.hash.Write(p[:n])
	return n, err
}

// sum reads what the decoder left unread, so that bytes appended to a stream are not overlooked.
func (h *hashingReader) sum() ([]byte, error) {
	if _, err := io.Copy(io.Discard, h); err != nil {
		return nil, err
	}
	return h.hash.Sum(nil), nil
}

// damagedReader marks what a decoder complains about as damage, unless it could not read the stored bytes: a network
// that breaks off must never make a good backup a bad one.
type damagedReader struct {
	r io.Reader
	// failed returns why the stored bytes could not be read, or nil.
	failed func() error
}

func (d damagedReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = damaged(err, d.failed())
	}
	return n, err
}

func damaged(err, failed error) error {
	switch {
	case failed != nil:
		return failed
	case errors.Is(err, ErrDamaged):
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func openZip(ctx context.Context, src Source, spoolDir string) (*payload, error) {
	f, sum, err := localCopy(ctx, src, spoolDir)
	if err != nil {
		return nil, err
	}
	stored := &fileReader{f: f}
	// A damaged directory names places before the beginning: a section answers that with an end, a file with an error.
	archive, err := zip.NewReader(io.NewSectionReader(stored, 0, src.Size()), src.Size())
	if err != nil {
		return nil, errors.Join(damaged(err, stored.failed.get()), f.Close())
	}
	entry, err := databaseEntry(archive)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := entry.Open()
	if err != nil {
		return nil, errors.Join(damaged(err, stored.failed.get()), f.Close())
	}
	return &payload{
		Reader: damagedReader{&boundedReader{r: r, left: int64(entry.UncompressedSize64)}, stored.failed.get},
		close:  func() error { return errors.Join(r.Close(), f.Close()) },
		stored: func() ([]byte, error) { return sum, nil },
	}, nil
}

// fileReader remembers what the disk said.
type fileReader struct {
	f      *os.File
	failed failure
}

func (r *fileReader) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.f.ReadAt(p, offset)
	if err != nil && err != io.EOF {
		r.failed.set(err)
	}
	return n, err
}

// boundedReader refuses an entry that unpacks to more than its directory says: the disk was checked for that much.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%w: more data than its directory says", zip.ErrFormat)
	}
	return n, err
}

// databaseEntry finds the database in an archive: the only entry of k3s' zip, or RKE's below /backup/. Entry names
// are compared, never used as paths.
func databaseEntry(archive *zip.Reader) (*zip.File, error) {
	var found []*zip.File
	for _, entry := range archive.File {
		if !isRKEState(entry.Name) && !entry.FileInfo().IsDir() {
			found = append(found, entry)
		}
	}
	const encrypted = 1
	switch {
	case len(found) != 1:
		return nil, fmt.Errorf("%w: the archive has %d entries that could be the database, not one", ErrNotSnapshot, len(found))
	case found[0].Flags&encrypted != 0:
		return nil, fmt.Errorf("%w: the archive is encrypted; unpack it first", ErrNotSnapshot)
	}
	return found[0], nil
}

// localCopy opens the source as a file with random access, and hashes it.
func localCopy(ctx context.Context, src Source, spoolDir string) (*os.File, []byte, error) {
	r, err := src.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	f, write, err := openOrSpool(src, spoolDir)
	if err != nil {
		return nil, nil, err
	}
	counted := newHashingReader(r, src.Size())
	if _, err := flow(ctx, counted, write); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, counted.hash.Sum(nil), nil
}

// openOrSpool returns a file, and what brings the source's bytes into it: nothing, when it is the source itself.
func openOrSpool(src Source, spoolDir string) (*os.File, sink, error) {
	if path := src.Path(); path != "" {
		f, err := os.Open(path)
		return f, func([]byte) error { return nil }, err
	}
	spool, err := newSpool(spoolDir)
	if err != nil {
		return nil, nil, err
	}
	return spool.File, func(chunk []byte) error {
		_, err := spool.Write(chunk)
		return err
	}, nil
}
