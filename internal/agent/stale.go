package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/distro"
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
	return a.missed(ctx, d, have.Epoch, o.Spec.RestoreEpoch)
}

// missed brings a machine of an older epoch to rest. One that keeps no data of etcd has none of before the restore either:
// it belongs to the cluster as it is as soon as it runs.
func (a *Agent) missed(ctx context.Context, d distro.Driver, have, epoch int64) error {
	release, err := a.journal.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	// What can't be looked at may hold data.
	if inst, err := d.Discover(ctx); err == nil && inst.DataDir == "" {
		a.cfg.Log.Info("this machine keeps no data of etcd: it takes over the cluster's epoch", "epoch", have, "cluster", epoch)
		return restoring.WriteEpoch(a.cfg.StateDir, restoring.Epoch{Epoch: epoch, At: metav1.NewTime(a.cfg.Now())})
	}
	a.cfg.Log.Error("this machine holds data of before a restore: etcd is stopped and fenced", "epoch", have, "cluster", epoch)
	if err := d.Fence(ctx); err != nil {
		return fmt.Errorf("fence old data: %w", err)
	}
	return d.Stop(ctx)
}
