package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// adopt takes over the cluster's epoch on a machine that the manager has never instructed before: what it holds came with
// the cluster as it is. From then on only a restore's commit raises it.
func (a *Agent) adopt(o orders, known bool) error {
	if known {
		return nil
	}
	_, err := os.Stat(filepath.Join(a.cfg.StateDir, "epoch.json"))
	if err == nil || !os.IsNotExist(err) {
		return err
	}
	return restoring.WriteEpoch(a.cfg.StateDir, restoring.Epoch{Epoch: o.Spec.RestoreEpoch, At: metav1.NewTime(a.cfg.Now())})
}

// obeyEpoch stops an etcd whose data is of before a restore that this machine missed: a partitioned member that comes
// back must be rejoined, not obeyed. An operation that works on this machine knows better.
func (a *Agent) obeyEpoch(ctx context.Context, o orders) error {
	have, err := restoring.ReadEpoch(a.cfg.StateDir)
	if err != nil || have.Epoch >= o.Spec.RestoreEpoch {
		return err
	}
	if busy, err := a.busy(); err != nil || busy {
		return err
	}
	d := a.driver(o)
	if d == nil {
		return nil
	}
	release, err := a.journal.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	a.cfg.Log.Error("this machine holds data of before a restore: etcd is stopped and fenced", "epoch", have.Epoch, "cluster", o.Spec.RestoreEpoch)
	if err := d.Fence(ctx); err != nil {
		return fmt.Errorf("fence old data: %w", err)
	}
	return d.Stop(ctx)
}
