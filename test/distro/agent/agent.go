// Package agent plays the agents of the distributions: it registers a Node through the server that it is pointed to, keeps
// it ready through any server that answers, and is refused with a wrong node password. It runs nothing.
package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/balance"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/node"
	"github.com/holdfast-dev/holdfast/test/distro/peer"
	"github.com/holdfast-dev/holdfast/test/distro/supervisor"
)

// Intervals of an agent.
const (
	retryEvery = 2 * time.Second
	renewEvery = 5 * time.Second
	// apiPort is where the agent's own balancer listens.
	apiPort = 6444
)

// Config is what flags, environment and files have said.
type Config struct {
	Flavor        distro.Flavor
	Log           *logrus.Logger
	DataDir       string
	Server, Token string
	Machine       node.Machine
}

type agent struct {
	cfg      Config
	password string
	balancer *balance.Balancer
	clients  *kube.Clients
}

// Run runs an agent until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Server == "" {
		return errors.New("--server is required")
	}
	if cfg.Token == "" {
		return errors.New("--token is required")
	}
	password, err := node.Password()
	if err != nil {
		return err
	}
	a := &agent{cfg: cfg, password: password}
	a.balancer = &balance.Balancer{File: filepath.Join(cfg.DataDir, "agent", "etc", cfg.Flavor.Name+"-agent-load-balancer.json")}
	if err := a.balancer.Set(a.balancer.Load()); err != nil {
		return err
	}
	if err := a.balancer.Listen(ctx, fmt.Sprintf("127.0.0.1:%d", apiPort)); err != nil {
		return err
	}
	if err := a.join(ctx); err != nil {
		return nil // only the end of ctx ends the attempts
	}
	cfg.Log.Infof("%s agent is up and running", cfg.Flavor.Name)
	daemon.SdNotify(false, daemon.SdNotifyReady)
	a.renew(ctx)
	return nil
}

// join tries for ever, and says each time why not.
func (a *agent) join(ctx context.Context) error {
	for {
		err := a.register(ctx)
		if err == nil {
			return nil
		}
		a.cfg.Log.Errorf("Failed to register node %s: %v", a.cfg.Machine.Name, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryEvery):
		}
	}
}

// renew goes on through whatever server answers, and joins again when none takes this agent's certificate.
func (a *agent) renew(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.cfg.Machine.Renew(ctx, a.clients); err != nil && ctx.Err() == nil {
			a.cfg.Log.Errorf("Failed to update node status: %v", err)
			if err := a.register(ctx); err != nil {
				a.cfg.Log.Errorf("Failed to register node %s: %v", a.cfg.Machine.Name, err)
			}
		}
	}
}

func (a *agent) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client, err := a.dial(ctx)
	if err != nil {
		return err
	}
	name := a.cfg.Flavor.Name
	header := http.Header{}
	header.Set(name+"-Node-Name", a.cfg.Machine.Name)
	header.Set(name+"-Node-Password", a.password)
	var identity supervisor.Identity
	if err := client.Do(ctx, a.cfg.Flavor.Path("client-kubelet"), header, nil, &identity); err != nil {
		return err
	}
	var servers []string
	if err := client.Do(ctx, a.cfg.Flavor.Path("apiservers"), nil, nil, &servers); err != nil {
		return err
	}
	if err := a.balancer.Set(servers); err != nil {
		return err
	}
	files, err := a.keep(identity, client.CA)
	if err != nil {
		return err
	}
	if a.clients, err = kube.Connect(fmt.Sprintf("https://127.0.0.1:%d", apiPort), files); err != nil {
		return err
	}
	return a.cfg.Machine.Register(ctx, a.clients)
}

// dial asks the server that was named, and then those that were learnt.
func (a *agent) dial(ctx context.Context) (*peer.Client, error) {
	client, err := peer.Dial(ctx, a.cfg.Server, "node", a.cfg.Token, a.cfg.Log)
	if err == nil {
		return client, nil
	}
	for _, address := range a.balancer.Load() {
		u := url.URL{Scheme: "https", Host: address}
		if a.cfg.Flavor.StaticPods() {
			u.Host = fmt.Sprintf("%s:%d", u.Hostname(), a.cfg.Flavor.SupervisorPort)
		}
		if client, again := peer.Dial(ctx, u.String(), "node", a.cfg.Token, a.cfg.Log); again == nil {
			return client, nil
		}
	}
	return nil, err
}

func (a *agent) keep(identity supervisor.Identity, ca []byte) (kube.Files, error) {
	dir := filepath.Join(a.cfg.DataDir, "agent")
	files := kube.Files{CA: filepath.Join(dir, "server-ca.crt"), Cert: filepath.Join(dir, "client-kubelet.crt"), Key: filepath.Join(dir, "client-kubelet.key")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return files, err
	}
	return files, errors.Join(os.WriteFile(files.CA, ca, 0o644), os.WriteFile(files.Cert, []byte(identity.Cert), 0o644),
		os.WriteFile(files.Key, []byte(identity.Key), 0o600))
}
