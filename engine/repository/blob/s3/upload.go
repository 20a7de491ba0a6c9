package s3

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// upload is a Put in parts. The caller's goroutine reads; each part that is full is sent by a goroutine of its own,
// from one of a fixed number of buffers.
type upload struct {
	*put
	id       string
	partSize int
	free     chan []byte // buffers; nil ones are made when they are needed

	mu    sync.Mutex
	parts []minio.CompletePart
}

// sendParts begins an upload, sends all parts and completes it, or takes it back.
func (p *put) sendParts(ctx context.Context, c *content, first []byte, partSize int) (string, int64, error) {
	u := &upload{put: p, partSize: partSize, free: make(chan []byte, p.store.cfg.Parallel)}
	for range p.store.cfg.Parallel - 1 { // first is one of them
		u.free <- nil
	}
	if err := u.begin(ctx); err != nil {
		return "", 0, err
	}
	defer p.store.forget(u.id)
	size, err := u.stream(ctx, c, first)
	if err != nil {
		return "", 0, u.takeBack(ctx, err)
	}
	etag, err := u.complete(ctx)
	if err != nil {
		return "", 0, u.takeBack(ctx, err)
	}
	return etag, size, nil
}

// begin opens the upload. If an answer is lost the server is left with one that nobody knows; Sweep finds it.
func (u *upload) begin(ctx context.Context) error {
	opts := u.options()
	opts.UserMetadata["x-amz-checksum-algorithm"] = "CRC32C"
	return u.store.cfg.Retry.Do(ctx, func(ctx context.Context) error {
		return u.store.call(ctx, "put", u.name, func(ctx context.Context) error {
			id, err := u.store.core.NewMultipartUpload(ctx, u.store.cfg.Bucket, u.key, opts)
			if err == nil {
				u.id = id
				u.store.remember(id)
			}
			return err
		})
	})
}

// stream reads and sends until the end. After a part has failed no further one is read.
func (u *upload) stream(ctx context.Context, c *content, buffer []byte) (size int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	for number := 1; ; number++ {
		if number > maxParts {
			err = fmt.Errorf("put %s: it is longer than %d parts of %d bytes: a right SizeHint makes them larger",
				u.store.Location(u.name), maxParts, u.partSize)
			break
		}
		full := buffer
		group.Go(func() error {
			err := u.sendPart(ctx, number, full)
			u.free <- full
			return err
		})
		size += int64(len(full))
		if c.ended {
			break
		}
		if buffer, err = u.next(ctx, c); err != nil {
			break
		}
	}
	return size, u.join(group, err)
}

// next fills a free buffer. It fails with the context of the group: then the error is one of the parts'.
func (u *upload) next(ctx context.Context, c *content) ([]byte, error) {
	var buffer []byte
	select {
	case buffer = <-u.free:
	case <-ctx.Done():
		return nil, u.ended(ctx)
	}
	if cap(buffer) < u.partSize {
		buffer = make([]byte, 0, u.partSize)
	}
	buffer, err := c.fill(buffer, u.partSize)
	if err != nil {
		return nil, u.unreadable(err)
	}
	return buffer, u.ended(ctx)
}

func (u *upload) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("put %s: %w", u.store.Location(u.name), err)
	}
	return nil
}

// join waits for the parts on their way and returns what went wrong first. When reading failed they are of no more
// use, and end at once because the group's context does.
func (u *upload) join(group *errgroup.Group, reading error) error {
	if reading == nil {
		return group.Wait()
	}
	group.Go(func() error { return reading })
	return group.Wait()
}

// sendPart sends one part, again and again within the policy's time. Sending a part twice replaces it.
func (u *upload) sendPart(ctx context.Context, number int, data []byte) error {
	sum := checksum(data)
	var part minio.ObjectPart
	err := u.store.cfg.Retry.Do(ctx, func(ctx context.Context) error {
		return u.store.call(ctx, "put", u.name, func(ctx context.Context) (err error) {
			part, err = u.store.core.PutObjectPart(ctx, u.store.cfg.Bucket, u.key, u.id, number,
				bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{
					CustomHeader:         http.Header{http.CanonicalHeaderKey(checksumHeader): {sum}},
					Sha256Hex:            u.store.contentHash(data),
					DisableContentSha256: true,
				})
			if err := tagged(part.ETag, err); err != nil {
				return err
			}
			if part.ChecksumCRC32C != "" && part.ChecksumCRC32C != sum {
				return minio.ErrorResponse{Code: "BadDigest", Message: "the server received other bytes than were sent"}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("part %d: %w", number, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag, ChecksumCRC32C: part.ChecksumCRC32C})
	return nil
}

// complete makes an object of the parts.
func (u *upload) complete(ctx context.Context) (etag string, err error) {
	slices.SortFunc(u.parts, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	var opts minio.PutObjectOptions
	u.condition(&opts)
	err = u.publish(ctx, func(ctx context.Context) error {
		info, err := u.store.core.CompleteMultipartUpload(ctx, u.store.cfg.Bucket, u.key, u.id, u.parts, opts)
		etag = info.ETag
		return err
	}, &etag)
	return etag, err
}
