package server

import (
	"context"
	"fmt"
)

// Restored says over what ServeRestored starts a cluster.
type Restored struct {
	// DataDirs gives each member its data directory. A member that is not named is left out of the cluster's processes,
	// though --initial-cluster still names it.
	DataDirs map[string]string
	// Version is the etcd to run. Default: what each member ran.
	Version string
	// Token is the initial cluster token that the restore was told. Default: the cluster's own.
	Token string
	// ForceNewCluster starts the members with --force-new-cluster: for one member alone.
	ForceNewCluster bool
}

// ServeRestored kills what runs and starts the same members, under the same names and addresses, over restored data
// directories. It returns when each answers linearizable reads.
func (e *Etcd) ServeRestored(ctx context.Context, r Restored) error {
	if err := e.KillMembers(); err != nil {
		return err
	}
	if r.Token != "" {
		e.cfg.Token = r.Token
	}
	e.authOn = e.cfg.Auth
	var args []string
	if r.ForceNewCluster {
		args = append(args, "--force-new-cluster")
	}
	var started []*Member
	for _, m := range e.Members {
		dir, ok := r.DataDirs[m.Name]
		if !ok {
			continue
		}
		m.DataDir = dir
		if r.Version != "" {
			m.Version = r.Version
		}
		if err := m.Launch(args...); err != nil {
			return err
		}
		started = append(started, m)
	}
	if len(started) != len(r.DataDirs) {
		return fmt.Errorf("data directories %v do not match the members %s", r.DataDirs, e.InitialCluster())
	}
	for _, m := range started {
		if err := m.Ready(ctx); err != nil {
			return fmt.Errorf("serve restored data: %w", err)
		}
	}
	return nil
}

// AddLearner adds a member that does not vote, starts it, and returns when it answers.
func (e *Etcd) AddLearner(ctx context.Context) (*Member, error) {
	cli, err := e.Client()
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	m, err := e.newMember(fmt.Sprintf("m%d", len(e.Members)+1))
	if err != nil {
		return nil, err
	}
	m.state, m.learner = "existing", true
	if _, err := cli.MemberAddAsLearner(ctx, []string{m.PeerURL}); err != nil {
		m.clientPort.release()
		m.peerPort.release()
		return nil, fmt.Errorf("add learner: %w", err)
	}
	e.Members = append(e.Members, m)
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	return m, nil
}
