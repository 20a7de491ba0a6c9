package etcd

import (
	"context"
	"os"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Save implements distro.Driver. It asks all members how they are, and takes the snapshot from this machine's own. A
// survivor is asked alone: what answers at the others' addresses may be another cluster by now. One that gives no answer is
// read from its disk.
func (d *Driver) Save(ctx context.Context, cfg distro.SaveConfig) (*snapshot.Manifest, error) {
	inst, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	dial := inst.Client
	dial.Cluster = !cfg.Salvage
	client, err := etcd.Dial(ctx, dial)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	fit, open, err := distro.Fitting(ctx, client, cfg.Salvage, inst)
	if err != nil {
		return nil, err
	}
	return snapshot.Save(ctx, saveConfig(cfg, fit, snapshot.Candidate{
		Origin: fit.Origin(), ExpectedSize: fit.Own.Status.DBSize, Open: open,
	}))
}

func saveConfig(cfg distro.SaveConfig, fit distro.Fit, from snapshot.Candidate) snapshot.SaveConfig {
	host, _ := os.Hostname() // only says who did it
	return snapshot.SaveConfig{
		Store: cfg.Store, Candidates: []snapshot.Candidate{from}, ClusterID: cfg.ClusterID, Base: cfg.Base, Node: cfg.Node,
		Trigger: cfg.Trigger, Backup: cfg.Backup, Encoding: cfg.Encoding, Verify: cfg.Verify, Prover: cfg.Prover,
		MinFree: cfg.MinFree, SpoolDir: cfg.SpoolDir, Tool: cfg.Tool, Host: host, Now: time.Now, Progress: cfg.Progress, Log: cfg.Log,
		Alarms: fit.Alarms(), Suspect: fit.Suspect(),
	}
}
