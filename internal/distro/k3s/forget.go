package k3s

import (
	"context"
	"errors"
)

// Forget implements distro.Kubernetes. Each node has a password of its own, whose hash lies in a Secret: a machine of the
// same name that has another one is refused for ever ("Node password rejected", k3s#3435). After a restore the Secrets are
// the snapshot's, and a machine may have been set up anew since. The distribution forgets that of the machine that it was
// reset on by itself.
func (d *Driver) Forget(ctx context.Context, nodes []string) error {
	n, err := d.look(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, node := range nodes {
		errs = append(errs, n.api().remove(ctx, node+".node-password."+n.flavour.Name))
	}
	return errors.Join(errs...)
}
