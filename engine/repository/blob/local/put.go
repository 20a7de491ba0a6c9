package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// copyBuffer is what Put holds of an object in memory.
const copyBuffer = 1 << 20

// Put copies r into an unfinished file beside the target and commits it. SizeHint is not used: reserving the space
// beforehand was measured slower than writing into it.
func (s *Store) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	info, err := s.put(ctx, name, r, opts)
	if err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", s.Location(name), err)
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (_ blob.Info, err error) {
	if err := s.refuse(ctx, name, opts); err != nil {
		return blob.Info{}, err
	}
	staged, err := s.stage(ctx, path.Dir(name))
	if err != nil {
		return blob.Info{}, err
	}
	defer func() { err = errors.Join(err, staged.Discard()) }()
	if _, err := io.CopyBuffer(staged, &contextReader{ctx, r}, make([]byte, copyBuffer)); err != nil {
		return blob.Info{}, err
	}
	return staged.commit(ctx, name, opts)
}

// refuse finds what can be known to be wrong before anything is read or written.
func (s *Store) refuse(ctx context.Context, name string, opts blob.PutOptions) error {
	if err := errors.Join(blob.CheckName(name), blob.CheckMetadata(opts.Metadata)); err != nil {
		return err
	}
	if !opts.IfAbsent {
		return nil
	}
	_, err := s.stat(ctx, name)
	switch {
	case err == nil:
		return blob.ErrExists
	case errors.Is(err, blob.ErrNotExist):
		return nil
	}
	return err
}

// contextReader ends with its context. It also hides the other methods of r, so that io.CopyBuffer cannot leave the
// copying to them.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
