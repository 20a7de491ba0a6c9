package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/test/kubedata"
)

// play plays all acts and returns what was shown.
func (s *stage) play(ctx context.Context, objects int) (verdict string, err error) {
	for _, act := range []func(context.Context) error{s.startManager, s.registerCluster, s.startMachines} {
		if err := act(ctx); err != nil {
			return "", err
		}
	}
	if err := s.fill(ctx, objects); err != nil {
		return "", err
	}
	before, err := s.content(ctx)
	if err != nil {
		return "", err
	}
	say("It holds %s.", before)
	if err := s.save(ctx); err != nil {
		return "", err
	}
	if err := s.damage(ctx); err != nil {
		return "", err
	}
	if err := s.restore(ctx); err != nil {
		return "", err
	}
	after, err := s.content(ctx)
	if err != nil {
		return "", err
	}
	say("It holds %s.", after)
	if after != before {
		return "", fmt.Errorf("the restored cluster is not what was saved: %s before, %s after", before, after)
	}
	if err := s.write(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("a cluster of three members was saved, lost and restored through the manager; %s before and after", after), nil
}

func (s *stage) fill(ctx context.Context, objects int) error {
	say("Filling etcd with %d objects as Kubernetes stores them, then changing and deleting some.", objects)
	client, err := s.cluster.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	data, err := kubedata.Fill(ctx, client, kubedata.Options{Seed: 1, Objects: objects, Leases: true})
	if err != nil {
		return err
	}
	return data.Age(ctx, client, kubedata.Aging{Updates: objects / 4, Deletes: objects / 20, Compact: true})
}

func (s *stage) save(ctx context.Context) error {
	say("Taking a snapshot. Each machine hashes and checks what arrives; one restores it into a scratch directory and lets a\nreal etcd serve it.")
	if err := s.show(ctx, "snapshot", "create", clusterName); err != nil {
		return err
	}
	if err := s.expectProof(ctx); err != nil {
		return err
	}
	return s.show(ctx, "cluster", "ls")
}

// expectProof makes sure that the trial restore was not skipped for lack of memory.
func (s *stage) expectProof(ctx context.Context) error {
	out, err := s.quiet(ctx, "snapshot", "ls", clusterName, "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Items []struct {
			Spec   struct{ File string }
			Status struct{ State string }
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return err
	}
	for _, snapshot := range list.Items {
		if state := snapshot.Status.State; state == "restored" || state == "proven" {
			return nil
		}
	}
	return fmt.Errorf("none of these snapshots has been restored for a test: %+v", list.Items)
}

// damage takes the data away under the running members.
func (s *stage) damage(ctx context.Context) error {
	say("Now the cluster loses its data: every member's directory is gone and the processes are killed. They come back with\nnothing.")
	for _, m := range s.cluster.Members {
		if err := os.Rename(m.DataDir, filepath.Join(s.dir, m.Name+".lost")); err != nil {
			return err
		}
	}
	if err := s.endMembers(); err != nil {
		return err
	}
	err := await(ctx, "etcd is empty", func() (bool, error) {
		c, err := s.content(ctx)
		return err == nil && c.keys == 0, err
	})
	if err != nil {
		return err
	}
	say("etcd answers, and is empty.")
	return nil
}

func (s *stage) restore(ctx context.Context) error {
	say("Restoring through the manager: it plans, checks on each machine, then stops, restores and starts all members together.")
	return s.show(ctx, "restore", "create", clusterName, "--latest-proven", "--yes")
}

func (s *stage) write(ctx context.Context) error {
	client, err := s.cluster.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Put(ctx, "/registry/configmaps/default/after-the-restore", "it takes writes"); err != nil {
		return fmt.Errorf("write to the restored cluster: %w", err)
	}
	say("The restored cluster takes writes.")
	return nil
}
