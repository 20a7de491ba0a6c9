package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Stat describes one object.
func (s *Store) Stat(ctx context.Context, name string) (blob.Info, error) {
	key, err := s.key(name)
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat %s: %w", s.Location(name), err)
	}
	info, err := s.head(ctx, "stat", name, key)
	if err != nil {
		return blob.Info{}, err
	}
	return describe(name, info), nil
}

// head asks for an object's headers. An answer to HEAD has no body to explain a refusal, so that one is looked into.
func (s *Store) head(ctx context.Context, op, name, key string) (info minio.ObjectInfo, err error) {
	err = s.call(ctx, op, name, func(ctx context.Context) error {
		info, err = s.core.StatObject(ctx, s.cfg.Bucket, key, minio.StatObjectOptions{})
		return err
	})
	switch said, ok := errors.AsType[*Error](err); {
	case err == nil || !ok:
		return info, err
	case errors.Is(err, blob.ErrNotExist):
		return info, s.missing(ctx, op, name, err)
	case said.Status == http.StatusForbidden, said.Status == http.StatusBadRequest, errors.Is(err, blob.ErrStray):
		return info, s.explained(ctx, op, name, key, err)
	}
	return info, err
}

// missing tells a missing bucket from a missing object, which look the same to HEAD.
func (s *Store) missing(ctx context.Context, op, name string, missing error) error {
	if s.bucketSeen.Load() {
		return missing
	}
	var exists bool
	err := s.call(ctx, op, name, func(ctx context.Context) (err error) {
		exists, err = s.core.BucketExists(ctx, s.cfg.Bucket)
		if err == nil && !exists {
			err = minio.ErrorResponse{Code: "NoSuchBucket", StatusCode: http.StatusNotFound, Message: "The bucket does not exist"}
		}
		return err
	})
	if errors.Is(err, blob.ErrNoStore) {
		return err
	}
	return missing // not allowed to look, or it is there
}

// explained asks for the first byte of the object, to learn from the answer's body why its headers were refused: a
// wrong key, an expired token and a lacking right are all one to HEAD, and so are a web page and a server that calls
// nothing one. The same right is needed for both.
func (s *Store) explained(ctx context.Context, op, name, key string, refused error) error {
	err := s.call(ctx, op, name, func(ctx context.Context) error {
		var opts minio.GetObjectOptions
		opts.Set("Range", byteRange(0, 1))
		body, _, _, err := s.core.GetObject(ctx, s.cfg.Bucket, key, opts)
		if err != nil {
			return err
		}
		return body.Close()
	})
	if err == nil {
		return refused
	}
	return err
}

// Delete removes the object; in a versioned bucket it puts a marker on top, under which the versions stay.
func (s *Store) Delete(ctx context.Context, name string) error {
	key, err := s.key(name)
	if err != nil {
		return fmt.Errorf("delete %s: %w", s.Location(name), err)
	}
	err = s.call(ctx, "delete", name, func(ctx context.Context) error {
		return s.core.RemoveObject(ctx, s.cfg.Bucket, key, minio.RemoveObjectOptions{})
	})
	if errors.Is(err, blob.ErrNotExist) {
		return nil
	}
	return err
}

// describe is the Info of an object.
func describe(name string, info minio.ObjectInfo) blob.Info {
	metadata := metadataOf(info)
	delete(metadata, markKey)
	if len(metadata) == 0 {
		metadata = nil
	}
	return blob.Info{Name: name, Size: info.Size, ModTime: info.LastModified, Version: info.ETag, Metadata: metadata}
}

// metadataOf undoes what HTTP does to header names.
func metadataOf(info minio.ObjectInfo) map[string]string {
	metadata := make(map[string]string, len(info.UserMetadata))
	for k, v := range info.UserMetadata {
		metadata[strings.ToLower(k)] = v
	}
	return metadata
}
