package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/test/distro/bootstrap"
	"github.com/holdfast-dev/holdfast/test/distro/peer"
	"github.com/holdfast-dev/holdfast/test/distro/token"
)

// prepare makes directories, knows the password, and has authorities: its own, those on its disk, or another server's.
func (s *Server) prepare(ctx context.Context) error {
	if s.cfg.DatastoreEndpoint != "" {
		return errors.New("the stand-in knows no external datastore")
	}
	for _, dir := range []string{"db", "tls", "cred"} {
		if err := os.MkdirAll(s.cfg.in(dir), 0o700); err != nil {
			return err
		}
	}
	if err := s.tombstone(); err != nil {
		return err
	}
	if err := s.restartPods(); err != nil {
		return err
	}
	if err := s.findPassword(); err != nil {
		return err
	}
	if s.cfg.Server != "" {
		if err := s.join(ctx); err != nil {
			return err
		}
	}
	if err := s.tls.EnsureAuthorities(); err != nil {
		return err
	}
	return s.tls.IssueLeaves()
}

// restartPods ends what a former server has left running when a restore, or a database without a name, asks for it. It also
// puts kubectl where rke2 has it.
func (s *Server) restartPods() error {
	if !s.cfg.Flavor.StaticPods() {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(s.cfg.DataDir, "bin"), 0o755); err != nil {
		return err
	}
	if err := link(filepath.Join(s.cfg.Profile.Tools, "kubectl"), filepath.Join(s.cfg.DataDir, "bin", "kubectl")); err != nil {
		return err
	}
	wish := filepath.Join(s.cfg.DataDir, "force-restart")
	if !exists(wish) && exists(s.cfg.in("db/etcd/name")) {
		return nil
	}
	if err := s.endPods(); err != nil {
		return err
	}
	if err := os.Remove(wish); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// tombstone moves a database aside that was marked to be given up.
func (s *Server) tombstone() error {
	if !exists(s.cfg.in("db/etcd/tombstone")) {
		return nil
	}
	if s.cfg.Server == "" {
		return errors.New("tombstone file has been detected but --server is empty: this node was removed from the etcd cluster, " +
			"set --server to rejoin or delete the database")
	}
	aside := s.cfg.in(fmt.Sprintf("db/etcd-backup-%d", s.cfg.Now().Unix()))
	s.cfg.Log.Infof("tombstone file has been detected, removing data dir to rejoin the cluster; moved to %s", aside)
	return os.Rename(s.cfg.in("db/etcd"), aside)
}

// findPassword takes the token as given, or that of an earlier start, or makes one. To join, it must be given.
func (s *Server) findPassword() error {
	text := s.cfg.Token
	if text == "" && s.cfg.Server != "" && !s.cfg.DisableEtcd && !s.member.Initialized() {
		return errors.New(s.cfg.Flavor.Env("TOKEN") + " is required to join a cluster")
	}
	if text == "" {
		data, err := os.ReadFile(s.cfg.tokenFile())
		if err == nil {
			text = strings.TrimSpace(string(data))
		} else if s.cfg.Server != "" {
			return errors.New(s.cfg.Flavor.Env("TOKEN") + " is required to join a cluster")
		}
	}
	if text == "" {
		random := make([]byte, 16)
		rand.Read(random)
		text = hex.EncodeToString(random)
	}
	t, err := token.Parse(text)
	s.password = t.Password
	return err
}

// join takes what servers share from another server.
func (s *Server) join(ctx context.Context) error {
	if s.member.Initialized() && exists(s.cfg.in("tls/server-ca.crt")) {
		return nil // a restart does without
	}
	client, err := peer.Dial(ctx, s.cfg.Server, "server", s.tokenOrPassword(), s.cfg.Log)
	if err != nil {
		if s.cfg.DisableEtcd && exists(s.cfg.in("tls/server-ca.crt")) {
			return nil // the servers that it has known may answer
		}
		return err
	}
	var data bootstrap.Data
	if err := client.Do(ctx, s.cfg.Flavor.Path("server-bootstrap"), nil, nil, &data); err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Server, err)
	}
	var theirs map[string]string
	if err := client.Do(ctx, s.cfg.Flavor.Path("config"), nil, nil, &theirs); err != nil {
		return err
	}
	mine := s.cfg.critical()
	for _, name := range slices.Sorted(maps.Keys(mine)) {
		if mine[name] != theirs[name] {
			return fmt.Errorf("critical configuration value mismatch between servers: %s: %q != %q", name, mine[name], theirs[name])
		}
	}
	s.forgetEncryption(data)
	return data.Reconcile(s.cfg.serverDir())
}

func (s *Server) tokenOrPassword() string {
	if s.cfg.Token != "" {
		return s.cfg.Token
	}
	return s.password
}

// writeToken writes the full token with the authority that is on disk now.
func (s *Server) writeToken() error {
	ca, err := os.ReadFile(s.cfg.in("tls/server-ca.crt"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.cfg.tokenFile(), []byte(token.Format(ca, "server", s.password)+"\n"), 0o600); err != nil {
		return err
	}
	if err := link("token", s.cfg.in("node-token")); err != nil {
		return err
	}
	if s.cfg.AgentToken == "" {
		return link("token", s.cfg.in("agent-token"))
	}
	text := token.Format(ca, "node", s.cfg.AgentToken)
	os.Remove(s.cfg.in("agent-token")) // it may be a link
	return os.WriteFile(s.cfg.in("agent-token"), []byte(text+"\n"), 0o600)
}

func link(to, path string) error {
	if current, err := os.Readlink(path); err == nil && current == to {
		return nil
	}
	os.Remove(path)
	return os.Symlink(to, path)
}

// writePasswords writes what the front checks. The file stays as it is when it says the same: its age counts.
func (s *Server) writePasswords() error {
	agent := s.password
	if s.cfg.AgentToken != "" {
		agent = s.cfg.AgentToken
	}
	name := s.cfg.Flavor.Name
	content := fmt.Sprintf("%s,node,node,%s:agent\n%s,server,server,%s:server\n", agent, name, s.password, name)
	path := s.cfg.in("cred/passwd")
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}
