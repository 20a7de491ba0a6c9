package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// markKey is the metadata that tells one Put from every other. An answer that was lost can then be made up for: if the
// object that is there carries the mark, the request whose answer was lost has happened.
const markKey = "holdfast-put"

// Put sends r in one request when it fits into a part, otherwise in parts.
func (s *Store) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	key, err := s.key(name)
	if err := errors.Join(err, blob.CheckMetadata(opts.Metadata)); err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", s.Location(name), err)
	}
	if opts.IfAbsent {
		if err := s.refuseTaken(ctx, name); err != nil {
			return blob.Info{}, err
		}
	}
	p := &put{store: s, name: name, key: key, opts: opts, mark: rand.Text()}
	etag, size, err := p.send(ctx, r)
	if err != nil {
		return blob.Info{}, err
	}
	return p.describe(ctx, etag, size)
}

// refuseTaken spares reading r when the name is taken already. The server decides again at the end.
func (s *Store) refuseTaken(ctx context.Context, name string) error {
	err := s.cfg.Retry.Do(ctx, func(ctx context.Context) error {
		_, err := s.Stat(ctx, name)
		return err
	})
	switch {
	case err == nil:
		return fmt.Errorf("put %s: %w", s.Location(name), blob.ErrExists)
	case errors.Is(err, blob.ErrNotExist):
		return nil
	}
	return err
}

// put is one Put.
type put struct {
	store     *Store
	name, key string
	opts      blob.PutOptions
	mark      string
}

// send reads the first part and decides by whether there is more.
func (p *put) send(ctx context.Context, r io.Reader) (etag string, size int64, err error) {
	partSize := p.store.partSize(p.opts.SizeHint)
	c := &content{ctx: ctx, r: r}
	first, err := c.fill(firstBuffer(p.opts.SizeHint, partSize), partSize)
	if err != nil {
		return "", 0, p.unreadable(err)
	}
	if !c.ended {
		return p.sendParts(ctx, c, first, partSize)
	}
	etag, err = p.sendWhole(ctx, first)
	return etag, int64(len(first)), err
}

// unreadable is the error of r. It is wrapped here and nowhere classified: what r reads from may be a store itself.
func (p *put) unreadable(err error) error {
	return fmt.Errorf("put %s: read the content: %w", p.store.Location(p.name), err)
}

// sendWhole is the upload of a small object.
func (p *put) sendWhole(ctx context.Context, data []byte) (etag string, err error) {
	opts := p.options()
	opts.UserMetadata[checksumHeader] = checksum(data)
	p.condition(&opts)
	err = p.publish(ctx, func(ctx context.Context) error {
		info, err := p.store.core.PutObject(ctx, p.store.cfg.Bucket, p.key, bytes.NewReader(data), int64(len(data)),
			"", p.store.contentHash(data), opts)
		etag = info.ETag
		return tagged(etag, err)
	}, &etag)
	return etag, err
}

// tagged makes a failure of an acknowledgement without an ETag: Amazon may report one in the body of an answer whose
// status says that all is well.
func tagged(etag string, err error) error {
	if err == nil && etag == "" {
		return minio.ErrorResponse{Code: "InternalError", Message: "it acknowledged what it was sent without an ETag"}
	}
	return err
}

// publish makes the request that lets the object appear, until it is known to have happened or not.
//
// When an attempt's answer is lost the object may be there. A second attempt then fails in a way that looks final:
// the upload is gone because it was completed, the name is taken because we took it. The mark tells.
func (p *put) publish(ctx context.Context, request func(context.Context) error, etag *string) error {
	lost := false
	return p.store.cfg.Retry.Do(ctx, func(ctx context.Context) error {
		err := p.store.call(ctx, "put", p.name, request)
		if is(err, "PreconditionFailed") {
			err = fmt.Errorf("put %s: %w", p.store.Location(p.name), blob.ErrExists)
		}
		if final := errors.Is(err, blob.ErrExists) || is(err, "NoSuchUpload"); final && lost {
			switch info, mine, err := p.published(ctx); {
			case mine:
				*etag = info.ETag
				return nil
			case err != nil && !errors.Is(err, blob.ErrNotExist):
				return err // it cannot be told: the twin that happened must not be taken for the one that did not
			}
		}
		lost = lost || err != nil
		return err
	})
}

// published looks at the object that is there now, and says whether it was written by this Put.
func (p *put) published(ctx context.Context) (info minio.ObjectInfo, mine bool, err error) {
	policy := p.store.cfg.Retry
	if policy.MaxElapsed == 0 || policy.MaxElapsed > lookTime {
		policy.MaxElapsed = lookTime
	}
	err = policy.Do(ctx, func(ctx context.Context) error {
		info, err = p.store.head(ctx, "put", p.name, p.key)
		return err
	})
	return info, err == nil && metadataOf(info)[markKey] == p.mark, err
}

const (
	// lookTime bounds the attempts to see the finished object, describeTime the whole look.
	lookTime     = 20 * time.Second
	describeTime = 30 * time.Second
)

// describe asks the store for what it has got: its time, and its size, which must be what was sent. The object is
// published by now. That it cannot be seen (no right to read, replaced already) is no failure to store it. That it is
// not there is one, whatever the server answered to the request: S3 shows an object from that moment on.
func (p *put) describe(ctx context.Context, etag string, size int64) (blob.Info, error) {
	looking, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	stored, mine, err := p.published(looking)
	if errors.Is(err, blob.ErrNotExist) {
		return blob.Info{}, p.vanished()
	}
	if !mine {
		return blob.Info{Name: p.name, Size: size, ModTime: time.Now(), Version: etag, Metadata: p.opts.Metadata}, nil
	}
	if stored.Size != size {
		return blob.Info{}, fmt.Errorf("put %s: the server stored %d bytes of %d", p.store.Location(p.name), stored.Size, size)
	}
	return describe(p.name, stored), nil
}

// vanished is the error of an object that was acknowledged and is not there.
func (p *put) vanished() error {
	return &Error{
		Op: "put", Location: p.store.Location(p.name), Endpoint: p.store.cfg.Endpoint, sentinel: blob.ErrBusy,
		cause: errors.New("it acknowledged the object and does not have it"),
	}
}

// options are what every kind of upload carries.
func (p *put) options() minio.PutObjectOptions {
	metadata := map[string]string{metaHeader + markKey: p.mark}
	for k, v := range p.opts.Metadata {
		metadata[metaHeader+k] = v
	}
	return minio.PutObjectOptions{ContentType: p.opts.ContentType, UserMetadata: metadata, DisableContentSha256: true}
}

// condition makes the server refuse a name that is taken.
func (p *put) condition(opts *minio.PutObjectOptions) {
	if p.opts.IfAbsent {
		opts.SetMatchETagExcept("*")
	}
}

const (
	// metaHeader is written out, because minio-go takes "expires" and some other keys for HTTP's own headers.
	metaHeader     = "x-amz-meta-"
	checksumHeader = "x-amz-checksum-crc32c"
)

// castagnoli is hardware's own polynomial, and one that all S3 servers check. It is sent as a header, not as a
// trailer, which older servers refuse.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, castagnoli)))
}

// contentHash is signed with the request on plain http. With TLS nobody on the way can change the content.
func (s *Store) contentHash(data []byte) string {
	if !s.cfg.Insecure {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
