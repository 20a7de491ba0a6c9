package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Member is one etcd server. DataDir, Version and ExtraArgs may be changed while it is stopped.
type Member struct {
	// Name as in --name.
	Name string
	// ClientURL and PeerURL are its two addresses. They stay the same over restarts.
	ClientURL, PeerURL string
	// DataDir as in --data-dir.
	DataDir string
	// Version is which etcd runs: "3.5", "3.6" or "3.7".
	Version string
	// ExtraArgs are added to its command line, after the cluster's own.
	ExtraArgs []string

	cluster              *Etcd
	process              *Process
	clientPort, peerPort *port
	state                string // --initial-cluster-state
	learner              bool
}

// newMember reserves what a member needs.
func (e *Etcd) newMember(name string) (*Member, error) {
	client, err := reservePort()
	if err != nil {
		return nil, err
	}
	peer, err := reservePort()
	if err != nil {
		client.release()
		return nil, err
	}
	scheme := "http://"
	if e.tls != nil {
		scheme = "https://"
	}
	return &Member{
		Name:       name,
		ClientURL:  scheme + client.address(),
		PeerURL:    scheme + peer.address(),
		DataDir:    filepath.Join(e.cfg.Dir, name+".etcd"),
		Version:    e.cfg.Version,
		cluster:    e,
		clientPort: client,
		peerPort:   peer,
		state:      "new",
	}, nil
}

// Launch starts the server and does not wait for it: a member without a quorum answers nothing until it has one. The
// arguments are for this run only.
func (m *Member) Launch(args ...string) error {
	if m.Running() {
		return fmt.Errorf("etcd %s runs already", m.Name)
	}
	p, err := start(command{
		tool: "etcd-" + m.Version,
		args: append(m.args(), args...),
		log:  filepath.Join(m.cluster.cfg.Dir, m.Name+".log"),
	})
	if err != nil {
		return err
	}
	m.process = p
	return nil
}

// Start is Launch and Ready.
func (m *Member) Start(ctx context.Context, args ...string) error {
	if err := m.Launch(args...); err != nil {
		return err
	}
	return m.Ready(ctx)
}

// Restart is Stop and Start.
func (m *Member) Restart(ctx context.Context, args ...string) error {
	if err := m.Stop(); err != nil {
		return err
	}
	return m.Start(ctx, args...)
}

// Ready waits until the member answers a linearizable read (a learner, which is refused those: its status).
func (m *Member) Ready(ctx context.Context) error {
	if m.process == nil {
		return fmt.Errorf("etcd %s was never started", m.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := m.process.answers(ctx, func(ctx context.Context) error {
		cli, err := m.Client()
		if err != nil {
			return err
		}
		defer cli.Close()
		return m.probe(ctx, cli)
	})
	if err != nil {
		return fmt.Errorf("etcd %s: %w", m.Name, err)
	}
	return nil
}

func (m *Member) probe(ctx context.Context, cli *clientv3.Client) error {
	if m.learner {
		_, err := cli.Status(ctx, m.ClientURL)
		return err
	}
	_, err := cli.Get(ctx, "health")
	if errors.Is(err, rpctypes.ErrPermissionDenied) || errors.Is(err, rpctypes.ErrUserEmpty) {
		return nil // it had to read the user's rights, so it answers
	}
	return err
}

// Stop ends the server with SIGTERM and waits until it is gone. A stopped one is fine.
func (m *Member) Stop() error {
	if m.process == nil {
		return nil
	}
	return m.process.Stop()
}

// Kill ends the server with SIGKILL and waits until it is gone. A stopped one is fine.
func (m *Member) Kill() error {
	if m.process == nil {
		return nil
	}
	return m.process.Kill()
}

// Running reports whether the server's process is there.
func (m *Member) Running() bool { return m.process != nil && m.process.Running() }

// Process is the server's present or last process; nil before the first start.
func (m *Member) Process() *Process { return m.process }

// WaitEnd waits until the server ends by itself, as one that refuses its data does, and returns the end of its log.
func (m *Member) WaitEnd(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-m.process.Done():
		return m.process.LogTail(), nil
	case <-ctx.Done():
		return "", fmt.Errorf("etcd %s still runs: %w", m.Name, context.Cause(ctx))
	}
}

// DatabasePath is where the member keeps its database file.
func (m *Member) DatabasePath() string { return filepath.Join(m.DataDir, "member", "snap", "db") }

// Command is the command line that runs the member, for whoever starts it in our place.
func (m *Member) Command() ([]string, error) {
	path, err := Tool("etcd-" + m.Version)
	if err != nil {
		return nil, err
	}
	return append([]string{path}, m.args()...), nil
}

func (m *Member) args() []string {
	e := m.cluster
	args := []string{
		"--name=" + m.Name,
		"--data-dir=" + m.DataDir,
		"--listen-client-urls=" + m.ClientURL,
		"--advertise-client-urls=" + m.ClientURL,
		"--listen-peer-urls=" + m.PeerURL,
		"--initial-advertise-peer-urls=" + m.PeerURL,
		"--initial-cluster=" + e.InitialCluster(),
		"--initial-cluster-token=" + e.cfg.Token,
		"--initial-cluster-state=" + m.state,
		"--logger=zap", "--log-outputs=stderr",
	}
	if e.cfg.SnapshotCount > 0 {
		args = append(args, fmt.Sprintf("--snapshot-count=%d", e.cfg.SnapshotCount))
	}
	if e.cfg.QuotaBytes > 0 {
		args = append(args, fmt.Sprintf("--quota-backend-bytes=%d", e.cfg.QuotaBytes))
	}
	if e.cfg.NoFsync {
		args = append(args, "--unsafe-no-fsync")
	}
	if e.tls != nil {
		args = append(args, e.tls.args()...)
	}
	args = append(args, e.cfg.ExtraArgs...)
	return append(args, m.ExtraArgs...)
}
