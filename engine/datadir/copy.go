package datadir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// ErrChanged: the database was written to while it was read, so its member works.
var ErrChanged = errors.New("the database has changed meanwhile")

// chunk is how much of the database is read at once.
const chunk = 1 << 20

// Copy is a member's database as a snapshot: the bytes that etcd itself would send, with their SHA-256 at the end.
type Copy struct {
	ctx    context.Context
	file   *os.File
	size   int64
	read   int64
	txid   uint64
	sum    hash.Hash
	buffer []byte
	ended  bool
}

// OpenCopy begins a copy. bbolt never writes over a page that its last transaction can see, so the copy is whole when there
// was no newer transaction at its end.
func OpenCopy(ctx context.Context, d Dir) (*Copy, error) {
	f, err := os.Open(d.database())
	if err != nil {
		return nil, err
	}
	head, err := headOf(ctx, f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", d.database(), err), f.Close())
	}
	return &Copy{ctx: ctx, file: f, size: head.Size, txid: head.TxID, sum: sha256.New(), buffer: make([]byte, chunk)}, nil
}

// Size of the snapshot in bytes.
func (c *Copy) Size() int64 { return c.size + sha256.Size }

// Next returns the next bytes, valid until the next call, and io.EOF at the end. The error wraps ErrChanged when the copy is
// worth nothing because somebody has written meanwhile.
func (c *Copy) Next() ([]byte, error) {
	if c.ended {
		return nil, io.EOF
	}
	if err := c.ctx.Err(); err != nil {
		return nil, context.Cause(c.ctx)
	}
	if c.read == c.size {
		c.ended = true
		return c.sum.Sum(nil), c.unchanged()
	}
	piece := c.buffer[:min(chunk, c.size-c.read)]
	n, err := c.file.ReadAt(piece, c.read)
	if n < len(piece) {
		return nil, fmt.Errorf("read %s: %w", c.file.Name(), err)
	}
	c.read += int64(n)
	c.sum.Write(piece)
	return piece, nil
}

func (c *Copy) unchanged() error {
	head, err := headOf(c.ctx, c.file)
	if err == nil && head.TxID == c.txid {
		return nil
	}
	if err == nil {
		err = ErrChanged
	}
	return &problem.Error{
		Kind: problem.Unreachable, Op: "copy the database", Subject: c.file.Name(), Err: err,
		Next: "try again: its member writes, so it may answer by now",
	}
}

// Close ends the copy.
func (c *Copy) Close() error { return c.file.Close() }
