package restore

import (
	"context"
	"errors"
	"sync"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// byHand is the bare sequence of commands that the distribution's manual gives, typed without a moment's thought: nothing is
// checked, no safety snapshot is taken, and what is lost on the way is lost. The peers' databases are moved aside as early
// as they may be.
func (c *cluster) byHand(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.everywhere(func(n *lab.Node) error {
		_, err := n.Run(ctx, "sh", "-c", "systemctl stop k3s && k3s-killall.sh")
		return err
	})
	if err != nil {
		return err
	}
	if err := c.everywhere(func(n *lab.Node) error {
		if n == c.first() {
			_, err := n.Run(ctx, "sh", "-c", "k3s server --cluster-reset --cluster-reset-restore-path="+c.file+" --etcd-s3=false && systemctl start k3s")
			return err
		}
		_, err := n.Run(ctx, "mv", serverDir+"/db/etcd", serverDir+"/db/etcd.old")
		return err
	}); err != nil {
		return err
	}
	for _, n := range c.Lab.Nodes[1:] {
		if _, err := n.Run(ctx, "systemctl", "start", "k3s"); err != nil {
			return err
		}
	}
	return nil
}

// everywhere does something on all machines at once.
func (c *cluster) everywhere(do func(*lab.Node) error) error {
	errs := make([]error, len(c.Lab.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Lab.Nodes {
		wg.Go(func() { errs[i] = do(n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
