package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Client connects to all members, with the right certificate and as root when Auth is on. The caller closes it.
func (e *Etcd) Client() (*clientv3.Client, error) { return e.client(e.Endpoints(), e.RootPassword) }

// Client connects to this member alone. The caller closes it.
func (m *Member) Client() (*clientv3.Client, error) {
	password := m.cluster.RootPassword
	if m.learner {
		password = "" // a learner refuses Authenticate, and asks nobody for it
	}
	return m.cluster.client([]string{m.ClientURL}, password)
}

func (e *Etcd) client(endpoints []string, password string) (*clientv3.Client, error) {
	cfg := clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: dialTimeout,
		Logger:      zap.NewNop(),
		// gRPC's own pause after a refused connection is a second and grows; a server that is being started answers
		// sooner than that.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second},
			MinConnectTimeout: dialTimeout,
		})},
		MaxCallSendMsgSize: 64 << 20,
	}
	if password != "" && e.authOn {
		cfg.Username, cfg.Password = "root", password
	}
	if e.tls != nil {
		var err error
		if cfg.TLS, err = e.tls.Config(); err != nil {
			return nil, err
		}
	}
	return clientv3.New(cfg)
}

// CtlEnv is what etcdctl, and whoever understands its variables, needs to reach all members with every right.
func (e *Etcd) CtlEnv() []string {
	env := []string{"ETCDCTL_API=3", "ETCDCTL_ENDPOINTS=" + strings.Join(e.Endpoints(), ",")}
	if e.tls != nil {
		env = append(env, "ETCDCTL_CACERT="+e.tls.CA, "ETCDCTL_CERT="+e.tls.Cert, "ETCDCTL_KEY="+e.tls.Key)
	}
	if e.authOn {
		env = append(env, "ETCDCTL_USER=root", "ETCDCTL_PASSWORD="+e.RootPassword)
	}
	return env
}

// enableAuth makes root and turns authentication on.
func (e *Etcd) enableAuth(ctx context.Context) error {
	cli, err := e.Client()
	if err != nil {
		return err
	}
	defer cli.Close()
	if _, err := cli.UserAdd(ctx, "root", e.RootPassword); err != nil {
		return fmt.Errorf("add root: %w", err)
	}
	if _, err := cli.UserGrantRole(ctx, "root", "root"); err != nil {
		return fmt.Errorf("grant root: %w", err)
	}
	if _, err := cli.AuthEnable(ctx); err != nil {
		return fmt.Errorf("enable authentication: %w", err)
	}
	e.authOn = true
	return nil
}

// Leader returns the member that leads.
func (e *Etcd) Leader(ctx context.Context) (*Member, error) {
	cli, err := e.Client()
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	for _, m := range e.Members {
		if !m.Running() {
			continue
		}
		st, err := cli.Status(ctx, m.ClientURL)
		if err != nil {
			return nil, fmt.Errorf("status of %s: %w", m.Name, err)
		}
		if st.Header.MemberId == st.Leader {
			return m, nil
		}
	}
	return nil, errors.New("no running member leads")
}

// Hash is etcd's own hash over the records of one revision range.
type Hash struct {
	// Hash as HashKV says it.
	Hash uint32
	// Revision up to which it was taken, and the compaction that it takes into account.
	Revision, CompactRevision int64
}

// HashKV asks every running member for its hash up to a revision (0: the newest) and returns it when all are equal. A
// member that lags behind, in revisions or in compaction, is waited for until ctx ends.
func (e *Etcd) HashKV(ctx context.Context, revision int64) (Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cli, err := e.Client()
	if err != nil {
		return Hash{}, err
	}
	defer cli.Close()
	if revision == 0 {
		r, err := cli.Get(ctx, "any")
		if err != nil {
			return Hash{}, fmt.Errorf("newest revision: %w", err)
		}
		revision = r.Header.Revision
	}
	for {
		hash, err := e.sameHash(ctx, cli, revision)
		if !errors.Is(err, errLags) {
			return hash, err
		}
		select {
		case <-ctx.Done():
			return Hash{}, fmt.Errorf("%w; %w", err, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var errLags = errors.New("a member lags behind")

func (e *Etcd) sameHash(ctx context.Context, cli *clientv3.Client, revision int64) (Hash, error) {
	var first Hash
	var from *Member
	for _, m := range e.Members {
		if !m.Running() {
			continue
		}
		r, err := cli.HashKV(ctx, m.ClientURL, revision)
		if errors.Is(err, rpctypes.ErrFutureRev) {
			return Hash{}, fmt.Errorf("%s at revision %d: %w", m.Name, revision, errLags)
		}
		if err != nil {
			return Hash{}, fmt.Errorf("hash of %s: %w", m.Name, err)
		}
		hash := Hash{Hash: r.Hash, Revision: revision, CompactRevision: r.CompactRevision}
		switch {
		case from == nil:
			first, from = hash, m
		case hash.CompactRevision != first.CompactRevision:
			return Hash{}, fmt.Errorf("%s in compaction: %w", m.Name, errLags)
		case hash != first:
			return Hash{}, fmt.Errorf("the members differ: %s has %+v, %s has %+v", from.Name, first, m.Name, hash)
		}
	}
	if from == nil {
		return Hash{}, errors.New("no member runs")
	}
	return first, nil
}

// dialTimeout bounds one connection attempt of a client.
const dialTimeout = 5 * time.Second
