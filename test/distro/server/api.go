package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/holdfast-dev/holdfast/test/distro/apiserver"
	"github.com/holdfast-dev/holdfast/test/distro/etcd"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/node"
	"github.com/holdfast-dev/holdfast/test/distro/record"
)

// apiPort is where this machine's kube-apiserver listens, or what stands for it.
func (s *Server) apiPort() int { return s.cfg.Flavor.APIPort(s.cfg.Port) }

// startAPIServer starts kube-apiserver, or what leads to those of other servers.
func (s *Server) startAPIServer(ctx context.Context) error {
	if s.cfg.DisableAPIServer {
		return s.balanceAPI(ctx)
	}
	config := apiserver.Config{
		TLS: s.tls.Dir, Cred: s.cfg.in("cred"), Tools: s.cfg.Profile.Tools, Minor: s.cfg.minor(), Bind: "127.0.0.1", Port: s.apiPort(),
		NodeIP: s.cfg.NodeIP, Etcd: etcd.Loopback, ServiceCIDR: s.cfg.ServiceCIDR, Args: s.cfg.APIServerArgs,
		Encrypt: s.encrypts(),
	}
	if s.cfg.Flavor.StaticPods() {
		config.Bind = "0.0.0.0"
	}
	process, err := s.runner.Start(ctx, config.Program())
	if err != nil {
		return err
	}
	s.watch(ctx, "apiserver", process)
	return s.announce(ctx)
}

// connect waits for the API, prepares it, and lets those through who wait for it.
func (s *Server) connect(ctx context.Context) error {
	if err := s.writeKubeconfigs(); err != nil {
		return err
	}
	clients, err := kube.Connect(fmt.Sprintf("https://127.0.0.1:%d", s.apiPort()), kube.Supervisor(s.tls.Dir))
	if err != nil {
		return err
	}
	if err := s.poll(ctx, pollEvery, clients.Ready); err != nil {
		return err
	}
	if err := s.poll(ctx, pollEvery, func(ctx context.Context) error { return record.Define(ctx, clients) }); err != nil {
		return err
	}
	s.clients = clients
	if exists(s.cfg.resetFlag()) {
		if err := node.ForgetPassword(ctx, clients, s.cfg.Flavor, s.cfg.NodeName); err != nil {
			return err
		}
	}
	close(s.ready)
	return nil
}

// writeKubeconfigs writes the administrator's, for people and for the server's own use.
func (s *Server) writeKubeconfigs() error {
	mode := os.FileMode(0o600)
	if m, err := strconv.ParseUint(s.cfg.KubeconfigMode, 8, 32); err == nil && s.cfg.KubeconfigMode != "" {
		mode = os.FileMode(m)
	}
	path := s.cfg.WriteKubeconfig
	if path == "" {
		path = s.cfg.Flavor.Kubeconfig()
	}
	public, err := s.kubeconfig(s.cfg.Port)
	if err != nil {
		return err
	}
	private, err := s.kubeconfig(s.apiPort())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, public, mode); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return os.WriteFile(s.cfg.in("cred/admin.kubeconfig"), private, 0o600)
}

func (s *Server) kubeconfig(port int) ([]byte, error) {
	var encoded [3]string
	for i, name := range []string{"server-ca.crt", "client-admin.crt", "client-admin.key"} {
		data, err := os.ReadFile(filepath.Join(s.tls.Dir, name))
		if err != nil {
			return nil, err
		}
		encoded[i] = base64.StdEncoding.EncodeToString(data)
	}
	return []byte(fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    certificate-authority-data: %s
    server: https://127.0.0.1:%d
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: default
  context: {cluster: default, user: default}
current-context: default
`, encoded[0], port, encoded[1], encoded[2])), nil
}
