package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// startTimeout bounds every start whose context has no earlier deadline. Servers answer within seconds; the rest is
// for a machine that is busy with other tests.
const startTimeout = 2 * time.Minute

// EtcdConfig describes an etcd cluster. The zero value of everything but Dir makes a plain cluster of one.
type EtcdConfig struct {
	// Dir holds data directories, certificates and logs. It must be the cluster's own; it is made when missing.
	Dir string
	// Version is "3.5", "3.6" or "3.7". Default 3.6.
	Version string
	// Members is how many there are. Default 1.
	Members int
	// TLS turns on server certificates, required client certificates and the same between members.
	TLS bool
	// Auth makes a user root and turns authentication on.
	Auth bool
	// RootPassword is for Auth. Default: a random one. A cluster that is to serve a restored snapshot of one with Auth
	// needs the same.
	RootPassword string
	// Token is the initial cluster token. Default "holdfast-test".
	Token string
	// SnapshotCount is after how many writes etcd makes a raft snapshot. Default: etcd's own.
	SnapshotCount uint64
	// QuotaBytes is the database size above which etcd raises NOSPACE. Default: etcd's own, 2 GiB.
	QuotaBytes int64
	// NoFsync makes etcd skip fsync. It fills faster; what a killed machine would keep is then anyone's guess, what a
	// killed process keeps is not.
	NoFsync bool
	// ExtraArgs are added to every member's command line.
	ExtraArgs []string
}

// Etcd is an etcd cluster on this machine. Its methods and those of its members are not safe for concurrent use.
type Etcd struct {
	// Members in the order of their names: m1, m2, …; learners that were added stand at the end.
	Members []*Member
	// RootPassword is the password of root when Auth is on.
	RootPassword string

	cfg EtcdConfig
	tls *EtcdTLS
	// authOn: clients must say who they are.
	authOn bool
}

// StartEtcd makes a new cluster and returns when every member answers linearizable reads.
func StartEtcd(ctx context.Context, cfg EtcdConfig) (*Etcd, error) {
	var e *Etcd
	err := retryPorts(func() error {
		var err error
		if e, err = NewEtcd(cfg); err != nil {
			return err
		}
		if err = e.Start(ctx); err != nil {
			return errors.Join(err, e.discard())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if cfg.Auth {
		if err := e.enableAuth(ctx); err != nil {
			return nil, errors.Join(err, e.Stop())
		}
	}
	return e, nil
}

// NewEtcd chooses names, ports and certificates and starts nothing. It is for a restore into a new cluster: the
// restore wants to know all this, and ServeRestored then starts the members over what it wrote. Stop must be called.
func NewEtcd(cfg EtcdConfig) (*Etcd, error) {
	cfg.Version = cmp.Or(cfg.Version, "3.6")
	cfg.Members = cmp.Or(cfg.Members, 1)
	cfg.Token = cmp.Or(cfg.Token, "holdfast-test")
	var err error
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	e := &Etcd{cfg: cfg}
	if cfg.Auth {
		e.RootPassword = cmp.Or(cfg.RootPassword, rand.Text())
	}
	if cfg.TLS {
		if e.tls, err = newEtcdTLS(filepath.Join(cfg.Dir, "pki")); err != nil {
			return nil, fmt.Errorf("etcd certificates: %w", err)
		}
	}
	for i := range cfg.Members {
		m, err := e.newMember(fmt.Sprintf("m%d", i+1))
		if err != nil {
			return nil, errors.Join(err, e.Stop())
		}
		e.Members = append(e.Members, m)
	}
	return e, nil
}

// Start starts every member that does not run and waits until each answers linearizable reads.
func (e *Etcd) Start(ctx context.Context, args ...string) error {
	for _, m := range e.Members {
		if m.Running() {
			continue
		}
		if err := m.Launch(args...); err != nil {
			return err
		}
	}
	for _, m := range e.Members {
		if err := m.Ready(ctx); err != nil { // one that has ended again is an error here
			return err
		}
	}
	return nil
}

// Ready waits until every member that runs answers linearizable reads. It is for after the leader was killed: until the
// others have elected a new one they lose writes.
func (e *Etcd) Ready(ctx context.Context) error {
	for _, m := range e.Members {
		if !m.Running() {
			continue
		}
		if err := m.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the cluster for good and gives its ports back. The members are killed, not asked: nobody reads the data
// any more. It is safe to call more than once.
func (e *Etcd) Stop() error {
	err := e.KillMembers()
	for _, m := range e.Members {
		m.clientPort.release()
		m.peerPort.release()
	}
	return err
}

// KillMembers ends every member with SIGKILL, all at once, as a power cut would. They can be started again.
func (e *Etcd) KillMembers() error { return e.each((*Member).Kill) }

// StopMembers ends every member in order (SIGTERM), all at once. They can be started again.
func (e *Etcd) StopMembers() error { return e.each((*Member).Stop) }

// Member returns the member of that name, or nil.
func (e *Etcd) Member(name string) *Member {
	for _, m := range e.Members {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Endpoints are the client URLs of all members, running or not.
func (e *Etcd) Endpoints() []string {
	var urls []string
	for _, m := range e.Members {
		urls = append(urls, m.ClientURL)
	}
	return urls
}

// InitialCluster is what --initial-cluster wants: "m1=http://127.0.0.1:23456,…".
func (e *Etcd) InitialCluster() string {
	var pairs []string
	for _, m := range e.Members {
		pairs = append(pairs, m.Name+"="+m.PeerURL)
	}
	return strings.Join(pairs, ",")
}

// Token is the initial cluster token.
func (e *Etcd) Token() string { return e.cfg.Token }

// Dir is the directory that holds everything of this cluster.
func (e *Etcd) Dir() string { return e.cfg.Dir }

// TLS names the certificate files; nil without TLS.
func (e *Etcd) TLS() *EtcdTLS { return e.tls }

// each does one thing to all members at the same time.
func (e *Etcd) each(do func(*Member) error) error {
	errs := make([]error, len(e.Members))
	var wg sync.WaitGroup
	for i, m := range e.Members {
		wg.Go(func() { errs[i] = do(m) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// discard forgets a cluster that did not start, with what its members wrote: its ports are not used again, and its
// data would not fit others.
func (e *Etcd) discard() error {
	errs := []error{e.Stop()}
	for _, m := range e.Members {
		errs = append(errs, os.RemoveAll(m.DataDir))
	}
	return errors.Join(errs...)
}
