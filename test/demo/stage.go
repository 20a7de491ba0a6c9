package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
)

// stage is the cluster and the program on it.
type stage struct {
	holdfast string
	dir      string
	cluster  *server.Etcd
}

func say(format string, args ...any) { fmt.Printf("\n"+format+"\n", args...) }

// run plays all acts and returns what was shown.
func run(ctx context.Context, holdfast string, objects int) (verdict string, err error) {
	holdfast, err = filepath.Abs(holdfast)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	s := &stage{holdfast: holdfast, dir: dir}
	if err := s.start(ctx, objects); err != nil {
		return "", err
	}
	defer s.cluster.Stop()
	before, err := s.cluster.HashKV(ctx, 0)
	if err != nil {
		return "", err
	}
	say("All three members agree: revision %d, content hash %d.", before.Revision, before.Hash)
	if err := s.save(ctx); err != nil {
		return "", err
	}
	if err := s.destroy(); err != nil {
		return "", err
	}
	if err := s.restore(ctx); err != nil {
		return "", err
	}
	after, err := s.cluster.HashKV(ctx, before.Revision)
	if err != nil {
		return "", err
	}
	say("All three members agree again: revision %d, content hash %d.", after.Revision, after.Hash)
	if after.Hash != before.Hash || after.Revision != before.Revision {
		return "", fmt.Errorf("the restored cluster is not what was saved: revision %d and hash %d before, %d and %d after",
			before.Revision, before.Hash, after.Revision, after.Hash)
	}
	if err := s.write(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("three members saved, destroyed and restored; revision %d and content hash %d are equal before and after",
		after.Revision, after.Hash), nil
}

func (s *stage) start(ctx context.Context, objects int) error {
	say("Starting a real etcd: three members on loopback, with TLS and client certificates.")
	cluster, err := server.StartEtcd(ctx, server.EtcdConfig{Dir: filepath.Join(s.dir, "etcd"), Version: "3.7", Members: 3, TLS: true})
	if err != nil {
		return err
	}
	s.cluster = cluster
	say("Filling it with %d objects as Kubernetes stores them, then changing and deleting some.", objects)
	client, err := cluster.Client()
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
	say("Saving it into a local directory. Holdfast picks a healthy follower, hashes and checks what arrives, stores it,\n" +
		"then restores the stored copy into a scratch directory and lets a real etcd serve it: evidence \"restore\".")
	if _, err := s.run(ctx, "etcd", "status"); err != nil {
		return err
	}
	if _, err := s.run(ctx, "etcd", "save", "--repo", s.repository(), "--verify", "restore", "--min-free", "0"); err != nil {
		return err
	}
	if err := s.expectProof(ctx); err != nil {
		return err
	}
	_, err := s.run(ctx, "repo", "ls", "--repo", s.repository())
	return err
}

// expectProof makes sure that the trial restore was not skipped for lack of memory.
func (s *stage) expectProof(ctx context.Context) error {
	out, err := s.quiet(ctx, "repo", "ls", "--repo", s.repository(), "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Snapshots []struct{ Name, State string }
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return err
	}
	if len(list.Snapshots) != 1 || list.Snapshots[0].State != "restored" {
		return fmt.Errorf("the repository should hold one snapshot in state restored, and holds %+v", list.Snapshots)
	}
	return nil
}

func (s *stage) destroy() error {
	say("Destroying the cluster: killing all members and deleting their data directories.")
	if err := s.cluster.KillMembers(); err != nil {
		return err
	}
	for _, m := range s.cluster.Members {
		if err := os.RemoveAll(m.DataDir); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) restore(ctx context.Context) error {
	say("Restoring each member from the same snapshot, and starting the cluster.")
	dirs := map[string]string{}
	for _, m := range s.cluster.Members {
		dirs[m.Name] = m.DataDir
		if _, err := s.run(ctx, "etcd", "restore", "--repo", s.repository(), "--latest", "--data-dir", m.DataDir, "--name", m.Name,
			"--initial-cluster", s.cluster.InitialCluster(), "--initial-cluster-token", s.cluster.Token(),
			"--initial-advertise-peer-urls", m.PeerURL, "--min-free", "0", "--quiet"); err != nil {
			return err
		}
	}
	return s.cluster.ServeRestored(ctx, server.Restored{DataDirs: dirs})
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

func (s *stage) repository() string { return "file://" + filepath.Join(s.dir, "backups") }

// run shows a command and its output.
func (s *stage) run(ctx context.Context, args ...string) ([]byte, error) {
	fmt.Printf("\n$ holdfast %s\n", strings.Join(args, " "))
	return s.exec(ctx, os.Stdout, args...)
}

func (s *stage) quiet(ctx context.Context, args ...string) ([]byte, error) {
	return s.exec(ctx, io.Discard, args...)
}

func (s *stage) exec(ctx context.Context, show io.Writer, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.holdfast, args...)
	cmd.Env = append(os.Environ(), s.cluster.CtlEnv()...)
	cmd.Env = append(cmd.Env, "HOME="+s.dir, "XDG_CONFIG_HOME=")
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, show)
	cmd.Stderr = show
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("holdfast %s: %w", strings.Join(args[:2], " "), err)
	}
	return out.Bytes(), nil
}
