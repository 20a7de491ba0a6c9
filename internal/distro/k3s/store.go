package k3s

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/apart"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Store is the distribution's own snapshot directory, as Discover has found it, as a store of snapshots. What Holdfast knows
// of them lies in beside: the distribution takes every file in its directory for a snapshot. What is deleted goes through the
// distribution, so that its records go, too.
func (d *Driver) Store(dir, beside string) (blob.Store, error) {
	// The distribution makes its default directory itself. Another one has to be there: it may be a disk that is not mounted.
	own, err := local.New(local.Config{Dir: dir, Create: strings.HasSuffix(dir, "/server/db/snapshots")})
	if err != nil {
		return nil, err
	}
	notes, err := local.New(local.Config{Dir: beside, Create: true})
	if err != nil {
		return nil, err
	}
	return apart.New(apart.Config{Store: directory{own, dir, d}, Folder: snapshot.MetadataDir, Beside: notes}), nil
}

// directory is the snapshot directory itself.
type directory struct {
	*local.Store
	dir    string
	driver *Driver
}

// Delete implements blob.Store. When the distribution can't be asked the file goes all the same: it finds out at its next
// look, and then removes the record.
func (s directory) Delete(ctx context.Context, name string) error {
	if _, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(name))); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	refused := s.driver.forget(ctx, name)
	if err := s.Store.Delete(ctx, name); err != nil {
		return errors.Join(err, refused)
	}
	sidecar := filepath.Join(filepath.Dir(s.dir), snapshot.MetadataDir, filepath.FromSlash(name))
	if _, err := os.Lstat(sidecar); err == nil {
		return durable.Remove(sidecar)
	}
	return nil
}

// forget makes the distribution delete a snapshot of this machine.
func (d *Driver) forget(ctx context.Context, name string) error {
	if strings.Contains(name, "/") {
		return nil // it can't delete what lies in a folder
	}
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	if err := n.api().ready(ctx); err != nil {
		return err
	}
	return n.cli().delete(ctx, name)
}
