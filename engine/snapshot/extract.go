package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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

// extract decodes src and writes the bare database to w (nil: only looks), hashing on the way. It returns ErrDamaged
// when the bytes are not what they should be by the payload's own trailer, and ErrNoTrailer when there is none and
// bare is false.
func extract(ctx context.Context, src Source, w io.Writer, spoolDir string, bare bool) (*extracted, error) {
	p, enc, err := openPayload(ctx, src, spoolDir)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	x, err := separate(ctx, p, w)
	if err != nil {
		return nil, err
	}
	sum := x.payload[:]
	if p.stored != nil {
		if sum, err = p.stored(); err != nil {
			return nil, err
		}
	}
	x.encoding, x.storedSize, x.storedSHA256 = enc, src.Size(), hex.EncodeToString(sum)
	if !x.trailer && !bare {
		return nil, ErrNoTrailer
	}
	return x, nil
}

// separate copies the database from a payload to w and checks the trailer.
func separate(ctx context.Context, r io.Reader, w io.Writer) (*extracted, error) {
	hash := sha256.New()
	hashed := &holdBack{w: hash}
	sinks := []sink{hashed.write}
	var written *holdBack
	if w != nil {
		written = &holdBack{w: w}
		sinks = append(sinks, written.write)
	}
	total, err := flow(ctx, r, sinks...)
	if err != nil {
		return nil, err
	}
	if total < minDatabase {
		return nil, fmt.Errorf("%w: only %d bytes", ErrNotSnapshot, total)
	}
	x := &extracted{size: total - TrailerSize, trailer: true}
	switch total % 512 {
	case TrailerSize:
		hash.Sum(x.sha256[:0])
		if !bytes.Equal(x.sha256[:], hashed.tail) {
			return nil, fmt.Errorf("%w: etcd's SHA-256 at its end is %x, its content's is %x", ErrDamaged, hashed.tail, x.sha256)
		}
		hash.Write(hashed.tail)
		hash.Sum(x.payload[:0])
		return x, nil
	case 0:
		x.size, x.trailer = total, false
		err := hashed.flush()
		if written != nil {
			err = errors.Join(err, written.flush())
		}
		hash.Sum(x.sha256[:0])
		x.payload = x.sha256
		return x, err
	}
	return nil, fmt.Errorf("%w: %d bytes are neither whole blocks nor whole blocks and a SHA-256", ErrDamaged, total)
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
