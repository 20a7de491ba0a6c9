package k3s

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// saver takes one snapshot.
type saver struct {
	distro.SaveConfig
	node *node
	// name of the node in the distribution's file names.
	name string
	// version of the distribution; empty when it could not be found out.
	version string
	fit     distro.Fit
	open    distro.Open
	api     *apiServer
	now     func() time.Time
	// between two attempts of the program.
	between time.Duration
}

// Save implements distro.Driver. The distribution takes the snapshot, so that it knows of it; where its API server does not
// answer it can't, and the snapshot is streamed from etcd into the same place, under a name of the same form. The store must
// be that of the distribution's snapshot directory. The encoding is always raw.
func (d *Driver) Save(ctx context.Context, cfg distro.SaveConfig) (*snapshot.Manifest, error) {
	n, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	if _, why := n.datastore(); why != nil {
		return nil, n.refuse(why)
	}
	name, err := n.name()
	if err != nil {
		return nil, err
	}
	dial := n.etcdClient()
	dial.Cluster = !cfg.Salvage
	client, err := etcd.Dial(ctx, dial)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	s := &saver{SaveConfig: cfg, node: n, name: name, api: n.api(), now: time.Now, between: betweenTries}
	at := &distro.Installation{Client: dial, DataDir: n.at(n.etcdDir())}
	if s.fit, s.open, err = distro.Fitting(ctx, client, cfg.Salvage, at); err != nil {
		return nil, err
	}
	if s.version, err = d.version(ctx, n); err != nil {
		cfg.Log.Warn("the snapshot will not tell its Kubernetes version", "error", err)
	}
	file, err := s.take(ctx)
	if err != nil {
		return nil, err
	}
	return s.publish(ctx, file)
}

// take brings a file about and returns its name.
func (s *saver) take(ctx context.Context) (string, error) {
	if err := snapshot.RequireSpace("save a snapshot to", s.node.snapshotDir(), s.fit.Own.Status.DBSize, s.MinFree); err != nil {
		return "", err
	}
	if s.Salvage {
		return s.stream(ctx) // what has lost its quorum has no API server
	}
	if err := s.api.ready(ctx); err != nil {
		s.Log.Warn("the API server does not answer: the snapshot is streamed from etcd", "error", err)
		return s.stream(ctx)
	}
	s.describe(ctx)
	file, err := s.delegate(ctx)
	if err == nil || ctx.Err() != nil || problem.KindOf(err) == problem.NoSpace {
		return file, err
	}
	s.Log.Warn(s.node.flavour.Name+" did not save a snapshot: it is streamed from etcd", "error", err)
	file, other := s.stream(ctx)
	if other != nil {
		return "", errors.Join(other, err)
	}
	return file, nil
}

const (
	// attempts that the program gets, and what lies between them: another snapshot may be under way, and it takes one at a
	// time.
	attempts     = 3
	betweenTries = 5 * time.Second
)

// delegate lets the distribution take the snapshot. Its word counts for nothing without the file. A command that failed, or
// gave no answer, may have left one all the same, which is looked for before it is asked again.
func (s *saver) delegate(ctx context.Context) (string, error) {
	var last error
	for i := range attempts {
		if i > 0 && !pause(ctx, s.between) {
			break
		}
		before, err := s.freeSecond(ctx)
		if err != nil {
			return "", err
		}
		said, err := s.node.cli().save(ctx, s.Base)
		file := s.appeared(before, said)
		if file != "" {
			return file, nil
		}
		if err == nil {
			err = fmt.Errorf("%s etcd-snapshot save ended without a complaint, and there is no new file in %s", s.node.flavour.Name, s.node.snapshotDir())
		}
		last = err
		if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break // it would not answer the next time either
		}
	}
	return "", last
}

// freeSecond waits for a moment in which no file that the program would write exists: it overwrites silently. It rounds the
// time in the name, so that it can be a second ahead. What lies there then is returned.
func (s *saver) freeSecond(ctx context.Context) ([]string, error) {
	for {
		have, err := s.files()
		if err != nil {
			return nil, err
		}
		now := s.now()
		taken := slices.ContainsFunc(have, func(file string) bool {
			at, ok := snapshot.Match(file, s.Base, s.name)
			return ok && at.After(now.Add(-time.Second)) && at.Before(now.Add(soon))
		})
		if !taken {
			return have, nil
		}
		if !pause(ctx, time.Second) {
			return nil, context.Cause(ctx)
		}
	}
}

// soon is how far ahead a name may lie that is waited for. One further ahead is a wrong clock's.
const soon = 3 * time.Second

// files are the names in the snapshot directory. One that does not exist yet is empty.
func (s *saver) files() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.node.root, s.node.snapshotDir()))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look into the snapshot directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// appeared is the new file among what the program says it saved, or, when it says nothing, the newest new one of the name
// that was asked for.
func (s *saver) appeared(before, said []string) string {
	have, err := s.files()
	if err != nil {
		return ""
	}
	var file string
	var newest time.Time
	for _, name := range have {
		at, ok := snapshot.Match(name, s.Base, s.name)
		if slices.Contains(before, name) || !ok {
			continue
		}
		if slices.Contains(said, name) {
			return name
		}
		if !at.Before(newest) {
			file, newest = name, at
		}
	}
	return file
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// publish tests the file and writes its manifest.
func (s *saver) publish(ctx context.Context, file string) (*snapshot.Manifest, error) {
	config, err := s.node.redactedConfig()
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // only says who did it
	at, _ := snapshot.Match(file, s.Base, s.name)
	m := snapshot.Manifest{
		Backup: s.Backup, Name: s.Base, Node: s.name, Trigger: s.Trigger, Created: at, ClusterID: s.ClusterID, Source: s.fit.Origin(),
		KubernetesVersion: s.version, Config: config, Alarms: s.fit.Alarms(), Suspect: s.fit.Suspect(), Tool: s.Tool,
	}
	if token, err := s.node.token(); err == nil {
		m.TokenDigest = TokenDigest(token)
	}
	return snapshot.Take(ctx, snapshot.TakeConfig{
		Store: s.Store, File: file, Manifest: m, Verify: s.Verify, Prover: s.Prover, SpoolDir: s.SpoolDir, Host: host, Now: s.now, Progress: s.Progress,
	})
}
