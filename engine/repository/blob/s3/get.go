package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Get asks for a range of one version.
func (s *Store) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	key, err := s.key(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("get %s: %w", s.Location(name), err)
	case offset < 0:
		return nil, fmt.Errorf("get %s: the offset is negative", s.Location(name))
	case length == 0:
		return s.getNothing(ctx, name, offset, length, match)
	}
	r := &reader{store: s, ctx: ctx, name: name, want: length}
	err = s.call(ctx, "get", name, func(ctx context.Context) error { return r.open(ctx, key, offset, match) })
	switch {
	case is(err, "PreconditionFailed"):
		return nil, fmt.Errorf("get %s: %w", s.Location(name), blob.ErrChanged)
	case is(err, "InvalidRange"):
		return s.getNothing(ctx, name, offset, length, match)
	case err != nil:
		return nil, err
	}
	return r, nil
}

// getNothing answers for ranges that HTTP has no words for: those without a byte, and those that start at the end or
// after it. An object of the right version must be there all the same.
func (s *Store) getNothing(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	info, err := s.Stat(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case match != "" && match != info.Version:
		return nil, fmt.Errorf("get %s: %w", s.Location(name), blob.ErrChanged)
	case offset > info.Size || offset == info.Size && length > 0:
		return nil, fmt.Errorf("get %s: %w: it has %d bytes", s.Location(name), io.ErrUnexpectedEOF, info.Size)
	case offset < info.Size && length != 0:
		// The range was refused, and now it is there: the object was replaced in between.
		return nil, fmt.Errorf("get %s: %w", s.Location(name), blob.ErrChanged)
	}
	return &reader{store: s, ctx: ctx, name: name, version: info.Version, body: http.NoBody}, nil
}

// reader is the body of one answer.
type reader struct {
	store   *Store
	ctx     context.Context
	name    string
	version string
	want    int64 // bytes asked for; < 0: to the end
	left    int64 // bytes that the server promised
	short   error // what to say after those, if they are fewer than were asked for
	body    io.ReadCloser
}

// open makes the request and checks that the answer is to it.
func (r *reader) open(ctx context.Context, key string, offset int64, match string) error {
	var opts minio.GetObjectOptions
	partial := offset > 0 || r.want >= 0
	if partial {
		opts.Set("Range", byteRange(offset, r.want))
	}
	if match != "" {
		if err := opts.SetMatchETag(match); err != nil {
			return err
		}
	}
	body, info, header, err := r.store.core.GetObject(ctx, r.store.cfg.Bucket, key, opts)
	if err != nil {
		return err
	}
	r.body, r.version, r.left = body, info.ETag, info.Size
	if match != "" && r.version != match {
		// A server that does not know If-Match.
		return closeAll(minio.ErrorResponse{Code: "PreconditionFailed", StatusCode: http.StatusPreconditionFailed}, body)
	}
	if r.left < 0 {
		return closeAll(&protocolError{"it does not tell the object's length"}, body)
	}
	if partial {
		if err := r.checkRange(header.Get("Content-Range"), offset); err != nil {
			return closeAll(err, body)
		}
	}
	return nil
}

func byteRange(offset, length int64) string {
	if length < 0 {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// checkRange compares "bytes 10-19/100" with what was asked for. A server, or a proxy, may ignore a range and send the
// whole object; and it sends less, without complaint, when there is less.
func (r *reader) checkRange(answer string, offset int64) error {
	span, total, ok := strings.Cut(strings.TrimPrefix(answer, "bytes "), "/")
	from, _, _ := strings.Cut(span, "-")
	start, err := strconv.ParseInt(from, 10, 64)
	if !ok || err != nil || start != offset {
		return r.misanswered(answer)
	}
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return r.misanswered(answer)
	}
	want := size - offset
	if r.want >= 0 {
		want = min(want, r.want)
	}
	if want < r.want {
		r.short = fmt.Errorf("get %s: %w: it has %d bytes", r.store.Location(r.name), io.ErrUnexpectedEOF, size)
	}
	if r.left != want {
		return r.misanswered(answer)
	}
	return nil
}

func (r *reader) misanswered(answer string) error {
	return &protocolError{fmt.Sprintf("it answered a range with %q and %d bytes", answer, r.left)}
}

// Read gives the next bytes.
func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.short != nil {
			return 0, r.short
		}
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case err == nil || n > 0 && r.left > 0 && errors.Is(err, io.EOF):
		return n, nil // an early end comes again, with no bytes
	case errors.Is(err, io.EOF) && r.left == 0:
		return n, nil
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return n, r.store.failure(r.ctx, "get", r.name, err)
}

// Version is the version that is read.
func (r *reader) Version() string { return r.version }

// Close ends the request.
func (r *reader) Close() error { return r.body.Close() }
