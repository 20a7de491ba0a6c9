// Package lab puts a stand-in cluster on machines of a lab, as an administrator does with the distribution's installer, and
// looks at it from the host. After [Install] it is nobody's: a test, or Holdfast's agent, may do with it what it likes.
package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	machines "github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server"
)

// mount is where machines see the built programs.
const mount = "/opt/distro"

// readyTimeout is for a machine that is busy with other tests.
const readyTimeout = 3 * time.Minute

// Token is the password of every cluster.
const Token = "a-lab-token"

// Config describes a cluster.
type Config struct {
	Flavor distro.Flavor
	// Version is v1.37.2+k3s1 and the like. Default: the newest.
	Version string
	// Servers do everything, the first one founds the cluster. With Control beside them they are etcd alone.
	Servers []*machines.Node
	// Control are servers without etcd.
	Control []*machines.Node
	// Agents are workers.
	Agents []*machines.Node
	// Settings are put into every config.yaml.
	Settings map[string]any
	// Own are put into one machine's, by its name, and win. A nil takes a setting out.
	Own map[string]map[string]any
	// Args follow the command in ExecStart of servers.
	Args []string
	// Profile is every machine's.
	Profile profile.Profile
}

// Cluster is a stand-in cluster.
type Cluster struct {
	cfg Config
}

// MachineConfig is what a lab needs so that clusters can be put on its machines.
func MachineConfig() (machines.Config, error) {
	cache, err := install.Cache()
	return machines.Config{Binds: map[string]string{mount: cache}}, err
}

// Newest is the version of a flavour that is taken when none is named.
func Newest(f distro.Flavor) string {
	if f.StaticPods() {
		return "v1.37.2+rke2r1"
	}
	return "v1.37.2+k3s1"
}

// Prepare builds what is missing, installs it on all machines and starts nothing, as INSTALL_K3S_SKIP_START asks for.
func Prepare(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Version == "" {
		cfg.Version = Newest(cfg.Flavor)
	}
	if _, err := install.Build(ctx, cfg.Flavor, cfg.Version); err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg}
	for _, n := range c.Nodes() {
		if err := c.install(ctx, n); err != nil {
			return nil, fmt.Errorf("install %s on %s: %w", cfg.Flavor.Name, n.Name, err)
		}
	}
	return c, nil
}

// Install prepares all machines, starts the first server and then the others, and returns when all are ready.
func Install(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := Prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// An etcd server has no Node before there is an API server.
	for _, n := range c.Nodes() {
		wait := c.Ready
		if c.dedicated() && slices.Contains(c.cfg.Servers, n) {
			wait = c.Active
		}
		if err := c.launch(ctx, n, wait); err != nil {
			return nil, err
		}
	}
	return c, c.AllReady(ctx)
}

// Enlarge prepares a machine that is to become one more server.
func (c *Cluster) Enlarge(ctx context.Context, n *machines.Node) error {
	c.cfg.Servers = append(slices.Clone(c.cfg.Servers), n)
	return c.install(ctx, n)
}

// Nodes are all machines in the order in which they start.
func (c *Cluster) Nodes() []*machines.Node {
	return slices.Concat(c.cfg.Servers, c.cfg.Control, c.cfg.Agents)
}

func (c *Cluster) dedicated() bool { return len(c.cfg.Control) > 0 }

// API is a server whose kube-apiserver knows of a machine: its own, if it has one.
func (c *Cluster) API(n *machines.Node) *machines.Node {
	switch {
	case slices.Contains(c.cfg.Control, n) || !c.dedicated() && slices.Contains(c.cfg.Servers, n):
		return n
	case c.dedicated():
		return c.cfg.Control[0]
	default:
		return c.cfg.Servers[0]
	}
}

// AllReady waits until every Node is ready.
func (c *Cluster) AllReady(ctx context.Context) error {
	for _, n := range c.Nodes() {
		if err := c.Ready(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// install writes everything and starts nothing.
func (c *Cluster) install(ctx context.Context, n *machines.Node) error {
	config, err := c.config(n)
	if err != nil {
		return err
	}
	unit, err := install.Files(install.Config{Flavor: c.cfg.Flavor, Role: c.role(n), Args: c.args(n)})
	if err != nil {
		return err
	}
	behaviour, err := yaml.Marshal(c.cfg.Profile)
	if err != nil {
		return err
	}
	unit[c.cfg.Flavor.ConfigFile()], unit[profile.Path] = string(config), string(behaviour)
	for path, content := range unit {
		perm := install.Mode(path)
		if path == c.cfg.Flavor.ConfigFile() {
			perm = 0o600
		}
		if err := n.WriteFile(path, []byte(content), perm); err != nil {
			return err
		}
	}
	if err := c.InstallVersion(ctx, n, c.cfg.Version); err != nil {
		return err
	}
	_, err = n.Run(ctx, "sh", "-c", "systemctl daemon-reload && systemctl enable --quiet "+c.Unit(n))
	return err
}

// InstallVersion replaces the program, and starts nothing.
func (c *Cluster) InstallVersion(ctx context.Context, n *machines.Node, version string) error {
	if _, err := install.Build(ctx, c.cfg.Flavor, version); err != nil {
		return err
	}
	_, err := n.Run(ctx, "install", "-m", "0755", filepath.Join(mount, version, c.cfg.Flavor.Name), install.Program(c.cfg.Flavor))
	return err
}

// config is a machine's config.yaml.
func (c *Cluster) config(n *machines.Node) ([]byte, error) { return yaml.Marshal(c.settings(n)) }

func (c *Cluster) settings(n *machines.Node) map[string]any {
	settings := map[string]any{"token": Token}
	first := n == c.cfg.Servers[0]
	switch {
	case !first:
		settings["server"] = c.SupervisorURL(c.cfg.Servers[0])
	case !c.cfg.Flavor.StaticPods():
		settings["cluster-init"] = true
	}
	if c.role(n) == install.Server {
		maps.Copy(settings, c.cfg.Settings)
	}
	switch {
	case slices.Contains(c.cfg.Control, n):
		settings["disable-etcd"] = true
	case c.dedicated() && slices.Contains(c.cfg.Servers, n):
		settings["disable-apiserver"], settings["disable-controller-manager"], settings["disable-scheduler"] = true, true, true
	}
	maps.Copy(settings, c.cfg.Own[n.Name])
	maps.DeleteFunc(settings, func(_ string, value any) bool { return value == nil })
	return settings
}

// DataDir is where a machine keeps the distribution's data.
func (c *Cluster) DataDir(n *machines.Node) string {
	if dir, set := c.settings(n)["data-dir"].(string); set {
		return dir
	}
	return c.cfg.Flavor.DataDir()
}

// port is where others join a server.
func (c *Cluster) port(n *machines.Node) int {
	if port, set := c.settings(n)["https-listen-port"].(int); set && !c.cfg.Flavor.StaticPods() {
		return port
	}
	return c.cfg.Flavor.SupervisorPort
}

func (c *Cluster) role(n *machines.Node) install.Role {
	if slices.Contains(c.cfg.Agents, n) {
		return install.Agent
	}
	return install.Server
}

func (c *Cluster) args(n *machines.Node) []string {
	if c.role(n) == install.Agent {
		return nil
	}
	return c.cfg.Args
}

// Unit is a machine's unit.
func (c *Cluster) Unit(n *machines.Node) string { return install.Unit(c.cfg.Flavor, c.role(n)) }

// Version is what was installed.
func (c *Cluster) Version() string { return c.cfg.Version }

// SupervisorURL is where others join a server.
func (c *Cluster) SupervisorURL(n *machines.Node) string {
	return fmt.Sprintf("https://%s:%d", n.Address, c.port(n))
}

// LocalURL is where a server is asked on its own machine.
func (c *Cluster) LocalURL(n *machines.Node) string {
	return fmt.Sprintf("https://127.0.0.1:%d", c.port(n))
}

// Start starts a machine's unit and returns when it is ready.
func (c *Cluster) Start(ctx context.Context, n *machines.Node) error {
	return c.launch(ctx, n, c.Ready)
}

func (c *Cluster) launch(ctx context.Context, n *machines.Node, wait func(context.Context, *machines.Node) error) error {
	if _, err := n.Run(ctx, "systemctl", "start", "--no-block", c.Unit(n)); err != nil {
		return err
	}
	return wait(ctx, n)
}

// Stop stops a machine's unit.
func (c *Cluster) Stop(ctx context.Context, n *machines.Node) error {
	_, err := n.Run(ctx, "systemctl", "stop", c.Unit(n))
	return err
}

// Active waits until a machine's unit is up. The machine itself looks: asking from outside costs more than the answer.
func (c *Cluster) Active(ctx context.Context, n *machines.Node) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return machines.Until(ctx, c.Unit(n)+" on "+n.Name, func(ctx context.Context) error {
		_, err := n.Run(ctx, "sh", "-c", "until systemctl is-active --quiet "+c.Unit(n)+"; do sleep 0.3; done")
		return err
	})
}

// Ready waits until a machine's unit is up and the API says that its Node is ready.
func (c *Cluster) Ready(ctx context.Context, n *machines.Node) error {
	if err := c.Active(ctx, n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return machines.Until(ctx, "node "+n.Name, func(ctx context.Context) error {
		for _, what := range []string{"create", "condition=Ready"} {
			if _, err := c.Kubectl(ctx, c.API(n), "wait", "--for="+what, "node/"+n.Name, "--timeout=60s"); err != nil {
				return err
			}
		}
		return nil
	})
}

// Kubectl runs the stock kubectl on the host, as the administrator, against one server.
func (c *Cluster) Kubectl(ctx context.Context, n *machines.Node, args ...string) (string, error) {
	data, err := n.ReadFile(c.cfg.Flavor.Kubeconfig())
	if err != nil {
		return "", err
	}
	dir, remove, err := scratch(strings.ReplaceAll(string(data), "127.0.0.1", n.Address))
	if err != nil {
		return "", err
	}
	defer remove()
	return server.Run(ctx, dir, []string{"KUBECONFIG=" + filepath.Join(dir, "kubeconfig")}, "kubectl", args...)
}

// Members are the names of etcd's members as one server sees them, with "(learner)" behind those that are.
func (c *Cluster) Members(ctx context.Context, n *machines.Node) ([]string, error) {
	out, err := n.Run(ctx, "curl", "-fsk", c.LocalURL(n)+"/db/info")
	if err != nil {
		return nil, err
	}
	var info struct {
		Members []struct {
			Name      string `json:"name"`
			IsLearner bool   `json:"isLearner"`
		} `json:"members"`
	}
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		return nil, err
	}
	var names []string
	for _, m := range info.Members {
		if m.IsLearner {
			m.Name += " (learner)"
		}
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names, nil
}
