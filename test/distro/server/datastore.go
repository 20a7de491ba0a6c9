package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/holdfast-dev/holdfast/test/distro/bootstrap"
	"github.com/holdfast-dev/holdfast/test/distro/etcd"
	"github.com/holdfast-dev/holdfast/test/distro/peer"
)

// pollEvery is how often the server looks whether a part answers.
const pollEvery = 200 * time.Millisecond

// sqlite reports whether this server has no etcd: nobody asked for one, and there was none before.
func (s *Server) sqlite() bool {
	return !s.cfg.Flavor.StaticPods() && !s.cfg.ClusterInit && s.cfg.Server == "" && !s.member.Initialized()
}

// startDatastore starts etcd, or connects to that of others, and waits until it has a leader.
func (s *Server) startDatastore(ctx context.Context) error {
	if s.cfg.DisableEtcd {
		if s.cfg.Server == "" {
			return errors.New("invalid flag use; --server is required with --disable-etcd")
		}
		return s.balanceEtcd(ctx)
	}
	start := etcd.Start{}
	switch {
	case s.sqlite():
		if err := s.pretendSQLite(); err != nil {
			return err
		}
	case s.member.Initialized():
		if err := s.copyDatabase(ctx); err != nil {
			return err
		}
	case s.cfg.Server != "":
		cluster, err := s.joinEtcd(ctx)
		if err != nil {
			return err
		}
		start.Cluster = cluster
	}
	process, err := s.member.Run(ctx, start)
	if err != nil {
		return err
	}
	s.watch(ctx, "etcd", process)
	return s.awaitEtcd(ctx)
}

func (s *Server) awaitEtcd(ctx context.Context) error {
	var err error
	if s.etcd, err = s.member.Client(); err != nil {
		return err
	}
	return s.poll(ctx, pollEvery, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := s.etcd.Get(ctx, s.cfg.apiAddressesKey())
		return err
	})
}

// copyDatabase copies the database as the real one does at each start, which costs its size on disk for a while.
func (s *Server) copyDatabase(ctx context.Context) error {
	tmp := s.cfg.in("db/etcd-tmp")
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", s.member.Dir, tmp).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", s.member.Dir, err, out)
	}
	return os.RemoveAll(tmp)
}

// joinEtcd asks the other server for its members, and them for a place.
func (s *Server) joinEtcd(ctx context.Context) (string, error) {
	urls, err := s.memberURLs(ctx)
	if err != nil {
		return "", err
	}
	return s.member.Join(ctx, urls)
}

func (s *Server) memberURLs(ctx context.Context) ([]string, error) {
	client, err := peer.Dial(ctx, s.cfg.Server, "server", s.tokenOrPassword(), s.cfg.Log)
	if err != nil {
		return nil, err
	}
	var info struct {
		Members []struct {
			ClientURLs []string `json:"clientURLs"`
			IsLearner  bool     `json:"isLearner"`
		} `json:"members"`
	}
	if err := client.Do(ctx, "/db/info", nil, nil, &info); err != nil {
		return nil, err
	}
	var urls []string
	for _, m := range info.Members {
		if !m.IsLearner {
			urls = append(urls, m.ClientURLs...)
		}
	}
	if len(urls) == 0 {
		return nil, errors.New("no etcd members to join")
	}
	return urls, nil
}

// pretendSQLite keeps the data of a server without etcd where nobody takes it for etcd's.
func (s *Server) pretendSQLite() error {
	s.cfg.Log.Info("Configuring sqlite3 database connection pooling: maxIdleConns=2, maxOpenConns=0, connMaxLifetime=0s")
	s.member.Dir = s.cfg.in("db/sqlite")
	return os.WriteFile(s.cfg.in("db/state.db"), []byte("SQLite format 3\x00"), 0o644)
}

// adopt brings disk and datastore together: a new cluster saves what it made, any other takes what was saved.
func (s *Server) adopt(ctx context.Context) error {
	data, err := bootstrap.Load(ctx, s.etcd, s.password)
	if err != nil {
		return err
	}
	if data != nil {
		s.forgetEncryption(data)
		if err := data.Reconcile(s.cfg.serverDir()); err != nil {
			return err
		}
		if err := s.tls.EnsureAuthorities(); err != nil {
			return err
		}
	} else if err := s.found(ctx); err != nil {
		return err
	}
	if err := s.ensureEncryption(); err != nil {
		return err
	}
	if err := s.writePasswords(); err != nil {
		return err
	}
	return s.writeToken()
}

// found saves what the first server of a cluster has made.
func (s *Server) found(ctx context.Context) error {
	if err := s.writePasswords(); err != nil {
		return err
	}
	if err := s.ensureEncryption(); err != nil {
		return err
	}
	psk := make([]byte, 48)
	rand.Read(psk)
	if err := os.WriteFile(s.cfg.in("cred/ipsec.psk"), []byte(hex.EncodeToString(psk)+"\n"), 0o600); err != nil {
		return err
	}
	data, err := bootstrap.Read(s.cfg.serverDir())
	if err != nil {
		return err
	}
	return data.Save(ctx, s.etcd, s.password)
}
