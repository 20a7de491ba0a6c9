package retry

import (
	"context"
	"errors"
	"io"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// reader is a range of one version of an object, over as many connections as it takes. The time that the policy
// allows is counted from the last byte that came: a long download may be cut any number of times.
type reader struct {
	ctx     context.Context
	store   blob.Store
	name    string
	offset  int64 // of the next byte
	left    int64 // < 0: to the end
	version string
	episode *episode
	body    io.ReadCloser // nil between connections
	err     error         // what the reader has given up with
}

// open asks for what is still missing until it gets it.
func (r *reader) open() error {
	for {
		body, err := r.store.Get(r.ctx, r.name, r.offset, r.left, r.version)
		if err == nil {
			r.body = body
			if told, ok := body.(interface{ Version() string }); ok && r.version == "" {
				r.version = told.Version()
			}
			return nil
		}
		if err := r.episode.wait(r.ctx, err); err != nil {
			return err
		}
	}
}

// Read gives the next bytes.
func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil {
		n, err := r.body.Read(p)
		r.offset += int64(n)
		if r.left > 0 {
			r.left -= int64(n)
		}
		if n > 0 {
			r.episode.over()
		}
		if err == nil || errors.Is(err, io.EOF) {
			return n, err
		}
		if n > 0 {
			return n, nil // the error comes again, or does not matter any more
		}
		r.err = r.again(err)
	}
	return 0, r.err
}

// again opens the rest after a failure. Without a known version two versions could be mixed: then the failure stands.
func (r *reader) again(cause error) error {
	if r.version == "" {
		return cause
	}
	if err := r.episode.wait(r.ctx, cause); err != nil {
		return err
	}
	_ = r.Close() // broken already, which is why we are here
	return r.open()
}

// Version is the version that is read, or "" when the store does not tell.
func (r *reader) Version() string { return r.version }

// Close ends the connection.
func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	body := r.body
	r.body = nil
	return body.Close()
}
