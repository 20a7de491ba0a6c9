package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

var _ distro.Uploader = (*Driver)(nil)

// Remote implements distro.Uploader.
func (d *Driver) Remote(ctx context.Context, file string) (distro.Remote, error) {
	n, err := d.look(ctx)
	if err != nil {
		return distro.Remote{}, err
	}
	name, err := n.name()
	if err != nil {
		return distro.Remote{}, err
	}
	r := distro.Remote{Metadata: map[string]string{n.flavour.Name + "-node-name": name}}
	if token, err := n.token(); err == nil {
		r.Metadata[n.flavour.Name+"-token-hash"] = TokenDigest(token)
	}
	// Of a member that does not answer the copy is none the worse.
	if member, err := distro.Look(ctx, n.etcdClient()); err == nil && member.KubernetesUID != "" {
		r.Metadata[n.flavour.Name+"-cluster-id"] = member.KubernetesUID
	}
	r.Sidecar, err = n.readFile(filepath.Join(filepath.Dir(n.snapshotDir()), snapshot.MetadataDir, file))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return r, fmt.Errorf("read what %s has noted of %s: %w", n.flavour.Name, file, err)
	}
	return r, nil
}
