package s3

import (
	"context"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Sweep aborts uploads in parts that were left behind. The server does not tell whether their writer lives, so an
// upload counts as dead when it was begun, and its newest part arrived, longer ago than olderThan: a day is a safe
// choice. The uploads of this store itself are spared at any age.
//
// MinIO lists only the uploads of one exact key, so that there Sweep finds nothing; it removes stale uploads itself
// after a day. On Amazon a lifecycle rule can do the same.
func (s *Store) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	removed, keyMarker, idMarker := 0, "", ""
	for {
		var page minio.ListMultipartUploadsResult
		err := s.call(ctx, "sweep", "", func(ctx context.Context) (err error) {
			page, err = s.core.ListMultipartUploads(ctx, s.cfg.Bucket, s.folder(), keyMarker, idMarker, "", pageSize)
			return err
		})
		if err != nil {
			return removed, err
		}
		for _, u := range page.Uploads {
			dead, err := s.abortDead(ctx, u, olderThan)
			if err != nil {
				return removed, err
			}
			if dead {
				removed++
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == keyMarker && page.NextUploadIDMarker == idMarker {
			return removed, nil
		}
		keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func (s *Store) abortDead(ctx context.Context, u minio.ObjectMultipartInfo, olderThan time.Duration) (bool, error) {
	name := strings.TrimPrefix(u.Key, s.folder())
	if s.isRunning(u.UploadID) || blob.CheckName(name) != nil || time.Since(u.Initiated) < olderThan {
		return false, nil
	}
	newest, err := s.newestPart(ctx, name, u)
	if err == nil && time.Since(newest) >= olderThan {
		err = s.abort(ctx, name, u.Key, u.UploadID)
		return err == nil, err
	}
	if is(err, "NoSuchUpload") {
		return false, nil // its writer has just finished
	}
	return false, err
}

// newestPart is when the upload was last seen to move.
func (s *Store) newestPart(ctx context.Context, name string, u minio.ObjectMultipartInfo) (time.Time, error) {
	newest, marker := u.Initiated, 0
	for {
		var page minio.ListObjectPartsResult
		err := s.call(ctx, "sweep", name, func(ctx context.Context) (err error) {
			page, err = s.core.ListObjectParts(ctx, s.cfg.Bucket, u.Key, u.UploadID, marker, pageSize)
			return err
		})
		if err != nil {
			return newest, err
		}
		for _, part := range page.ObjectParts {
			if part.LastModified.After(newest) {
				newest = part.LastModified
			}
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			return newest, nil
		}
		marker = page.NextPartNumberMarker
	}
}
