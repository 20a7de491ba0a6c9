package s3

import (
	"context"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// pageSize is the most that S3 returns at once.
const pageSize = 1000

// List asks for page after page. Keys that are no names (folder markers, other people's) are passed over.
func (s *Store) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	l := &listing{store: s, prefix: s.folder() + prefix, fn: fn}
	err := s.call(ctx, "list", "", l.run)
	if l.stopped != nil {
		return l.stopped
	}
	return err
}

// listing is one List. When its keys are renewed in the middle it goes on after the last name.
type listing struct {
	store   *Store
	prefix  string
	fn      func(blob.Info) error
	last    string
	stopped error // the caller's own
}

func (l *listing) run(ctx context.Context) error {
	noOwner := false
	opts := minio.ListObjectsOptions{Prefix: l.prefix, Recursive: true, MaxKeys: pageSize, FetchOwner: &noOwner}
	if l.last != "" {
		opts.StartAfter = l.store.folder() + l.last
	}
	for object := range l.store.core.ListObjectsIter(ctx, l.store.cfg.Bucket, opts) {
		if object.Err != nil {
			return object.Err
		}
		if err := l.visit(object); err != nil {
			return err
		}
		if l.stopped != nil || ctx.Err() != nil {
			break
		}
	}
	return ctx.Err() // the iterator ends silently with its context
}

func (l *listing) visit(object minio.ObjectInfo) error {
	name := strings.TrimPrefix(object.Key, l.store.folder())
	if blob.CheckName(name) != nil {
		return nil
	}
	if name <= l.last {
		return &protocolError{fmt.Sprintf("it lists %q after %q, out of order", name, l.last)}
	}
	l.last = name
	info := describe(name, object)
	info.Metadata = nil
	l.stopped = l.fn(info)
	return nil
}
