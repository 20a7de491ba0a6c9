package trial

import (
	"context"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/schema"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// disableAuth turns etcd's own authentication off in the scratch copy. With it on, the etcd that serves the trial
// answers nobody without a password, not even its status, and nobody told us one. The records are not touched, so the
// content hash stays what it was.
func disableAuth(ctx context.Context, path string) error {
	enabled, size, err := authEnabled(ctx, path)
	if err != nil || !enabled {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: 10 * time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, PageSize: size,
	})
	if err == nil {
		err = db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket(schema.Auth.Name()).Put(schema.AuthEnabledKeyName, []byte{0})
		})
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fmt.Errorf("disable authentication in %s: %w", path, err)
	}
	return nil
}

func authEnabled(ctx context.Context, path string) (enabled bool, pageSize int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return false, 0, err
	}
	defer file.Close()
	db, err := mvcc.Open(file, -1)
	if err != nil {
		return false, 0, err
	}
	defer db.Close()
	head, err := db.Head(ctx)
	return head.AuthEnabled, head.PageSize, err
}
