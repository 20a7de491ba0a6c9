package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"golang.org/x/sync/errgroup"
)

// extracted is what unpacking a payload showed.
type extracted struct {
	encoding     Encoding
	storedSize   int64
	storedSHA256 string
	// size and sha256 of the database, without the trailer.
	size   int64
	sha256 [sha256.Size]byte
	// payload is the SHA-256 of the database and what follows it.
	payload [sha256.Size]byte
	// trailer: the payload ends with etcd's hash, and it matches.
	trailer bool
}

// extraction is the way of a stored snapshot to its database.
type extraction struct {
	src Source
	// manifest is compared with what was read; without one the payload's own trailer must do.
	manifest *Manifest
	spoolDir string
	// bare databases, without a trailer, are taken too.
	bare bool
}

// look decodes and hashes without keeping what it reads. It returns ErrDamaged when the bytes are not what they should be
// by the manifest or by the payload's own trailer, and ErrNoTrailer when there is none and bare is false.
func (e extraction) look(ctx context.Context) (*extracted, error) {
	hash := sha256.New()
	return e.run(ctx, hash, func(p io.Reader) (int64, []byte, error) {
		return separate(ctx, p, hash)
	})
}

// to is look, and writes the bare database to out. It hashes what it reads back from there: hashing is what takes longest,
// and so nothing waits for it. read is called as soon as the database lies there whole, while the end of it may still be
// hashed. What read finds wrong counts only when the hash is right, which explains more.
func (e extraction) to(ctx context.Context, out *output, read func(ctx context.Context, size int64)) (*extracted, error) {
	hash := sha256.New()
	return e.run(ctx, hash, func(p io.Reader) (total int64, tail []byte, err error) {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error {
			_, err := io.CopyBuffer(hash, out.tail.reader(ctx), make([]byte, hashBuffer))
			return err
		})
		group.Go(func() error {
			total, tail, err = separate(ctx, p, out)
			out.tail.release(err)
			if err == nil {
				read(ctx, out.size)
			}
			return err
		})
		err = group.Wait()
		return total, tail, err
	})
}

// hashBuffer is what fits into a core's own cache.
const hashBuffer = 128 << 10

// run lets pass bring the payload, except for its trailer, through hash, and compares the result. pass returns the number
// of bytes of the payload, and the trailer, nil when there is none.
func (e extraction) run(ctx context.Context, hash hash.Hash, pass func(io.Reader) (int64, []byte, error)) (*extracted, error) {
	if err := compareSize(e.manifest, e.src); err != nil {
		return nil, err
	}
	x, err := e.decode(ctx, hash, pass)
	if err != nil {
		return nil, expected(e.manifest, err)
	}
	return x, compareBytes(e.manifest, x)
}

func (e extraction) decode(ctx context.Context, hash hash.Hash, pass func(io.Reader) (int64, []byte, error)) (*extracted, error) {
	p, enc, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	total, tail, err := pass(p)
	if err != nil {
		return nil, err
	}
	x, err := judge(total, tail, hash)
	if err != nil {
		return nil, err
	}
	sum := x.payload[:]
	if p.stored != nil {
		if sum, err = p.stored(); err != nil {
			return nil, err
		}
	}
	x.encoding, x.storedSize, x.storedSHA256 = enc, e.src.Size(), hex.EncodeToString(sum)
	if !x.trailer && !e.bare {
		return nil, ErrNoTrailer
	}
	return x, nil
}

// separate copies the database from a payload to w, and returns the payload's length and its trailer, if it has one.
func separate(ctx context.Context, r io.Reader, w io.Writer) (int64, []byte, error) {
	held := &holdBack{w: w}
	total, err := flow(ctx, r, held.write)
	switch {
	case err != nil:
		return 0, nil, err
	case total < minDatabase:
		return 0, nil, fmt.Errorf("%w: only %d bytes", ErrNotSnapshot, total)
	case total%512 == 0:
		return total, nil, held.flush()
	case total%512 != TrailerSize:
		return 0, nil, fmt.Errorf("%w: %d bytes are neither whole blocks nor whole blocks and a SHA-256", ErrDamaged, total)
	}
	return total, held.tail, nil
}

// judge compares the hash of a database with the trailer that followed it.
func judge(total int64, tail []byte, hash hash.Hash) (*extracted, error) {
	x := &extracted{size: total - int64(len(tail)), trailer: tail != nil}
	hash.Sum(x.sha256[:0])
	if x.trailer && !bytes.Equal(x.sha256[:], tail) {
		return nil, fmt.Errorf("%w: etcd's SHA-256 at its end is %x, its content's is %x", ErrDamaged, tail, x.sha256)
	}
	hash.Write(tail)
	hash.Sum(x.payload[:0])
	return x, nil
}

// holdBack passes bytes on to w but for the last TrailerSize, which it keeps in tail.
type holdBack struct {
	w    io.Writer
	tail []byte
}

func (h *holdBack) write(chunk []byte) error {
	if keep := len(h.tail) + len(chunk) - TrailerSize; keep > 0 {
		out := min(keep, len(h.tail))
		if _, err := h.w.Write(h.tail[:out]); err != nil {
			return err
		}
		h.tail = h.tail[out:]
		if rest := keep - out; rest > 0 {
			if _, err := h.w.Write(chunk[:rest]); err != nil {
				return err
			}
			chunk = chunk[rest:]
		}
	}
	h.tail = append(append(make([]byte, 0, TrailerSize), h.tail...), chunk...)
	return nil
}

func (h *holdBack) flush() error {
	_, err := h.w.Write(h.tail)
	h.tail = nil
	return err
}
