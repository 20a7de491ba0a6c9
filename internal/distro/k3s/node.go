package k3s

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/distro/k3s/config"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// node is how the distribution is installed and configured on this machine, as it was read at one moment.
type node struct {
	flavour Flavour
	unit    service
	command systemd.Command
	config  *config.Config
	// root of the file system: "/". Tests have another.
	root string
}

func read(f Flavour, unit service, command systemd.Command, root string) (*node, error) {
	c, err := config.Read(config.Invocation{Args: command.Args, Env: command.Env, Prefix: f.Env, File: f.ConfigFile()}, os.DirFS(root))
	if err != nil {
		return nil, err
	}
	return &node{flavour: f, unit: unit, command: command, config: c, root: root}, nil
}

// server says whether this machine runs the control plane or etcd, and is no mere worker.
func (n *node) server() bool { return subcommand(n.flavour, n.command) == "server" }

// program is what the unit starts.
func (n *node) program() string {
	return cmp.Or(n.command.Program, filepath.Join("/usr/local/bin", n.flavour.Name))
}

// configFile is the one that the unit's program reads, whether it exists or not. Its drop-ins lie in <configFile>.d.
func (n *node) configFile() string {
	return cmp.Or(n.command.Env[n.flavour.Env+"_CONFIG_FILE"], n.config.String("config", n.flavour.ConfigFile()))
}

// dataDir is absolute: the program takes a relative one from where it is started.
func (n *node) dataDir() string {
	return under(cmp.Or(n.command.Dir, "/"), n.config.String("data-dir", n.flavour.DataDir()))
}

// under is a path as it is seen from a directory.
func under(dir, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

func (n *node) serverDir(parts ...string) string {
	return filepath.Join(n.dataDir(), "server", filepath.Join(parts...))
}

// etcdDir holds etcd's data. It is not there on a server without etcd.
func (n *node) etcdDir() string { return n.serverDir("db", "etcd") }

// snapshotDir is absolute: a running server works in its own directory.
func (n *node) snapshotDir() string {
	return under(n.serverDir(), n.config.String("etcd-snapshot-dir", n.serverDir("db", "snapshots")))
}

// supervisor is where this machine's own server is asked.
func (n *node) supervisor() string {
	host := n.config.String("bind-address", "")
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
		if u, err := url.Parse(n.etcdSettings().loopback()); err == nil {
			host = u.Hostname() // where there is no IPv4 it is another
		}
	}
	return n.supervisorAt(host)
}

// supervisorAt is where others ask this machine's server, at one of its addresses.
func (n *node) supervisorAt(host string) string {
	return (&url.URL{Scheme: "https", Host: net.JoinHostPort(host, n.supervisorPort())}).String()
}

func (n *node) supervisorPort() string {
	for _, flag := range n.flavour.PortFlags {
		if port := n.config.String(flag, ""); port != "" && port != "0" {
			return port
		}
	}
	return n.flavour.Supervisor
}

// name of the node in Kubernetes, and in the names of snapshots. Once etcd has run, the name of its member tells it: a node
// with an id appended is called otherwise than the configuration says.
func (n *node) name() (string, error) {
	member, err := n.readFile(filepath.Join(n.etcdDir(), "name"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if name, ok := memberNode(strings.TrimSpace(string(member))); ok {
		return name, nil
	}
	if name := n.config.String("node-name", ""); name != "" {
		return strings.ToLower(name), nil
	}
	host, err := os.Hostname()
	return strings.ToLower(host), err // with its domain, if it has one
}

// memberNode is the node that a member's name begins with: <node>-<8 hex digits>.
func memberNode(member string) (string, bool) {
	i := strings.LastIndexByte(member, '-')
	if i < 1 || len(member)-i-1 != 8 || strings.Trim(member[i+1:], "0123456789abcdef") != "" {
		return "", false
	}
	return member[:i], true
}

// token is the one that this machine proves itself with. The server's own file wins: that is what it runs with.
func (n *node) token() (string, error) {
	data, err := n.readFile(n.serverDir("token"))
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if token, err := n.configuredToken(n.config); token != "" || err != nil {
		return token, err
	}
	return "", fmt.Errorf("find the token of %s: neither %s nor the configuration has one", n.flavour.Name, n.serverDir("token"))
}

// configuredToken is the one that a configuration has, by itself or in a file, which wins; empty when it has none.
func (n *node) configuredToken(c *config.Config) (string, error) {
	file := c.String("token-file", "")
	if file == "" {
		return c.String("token", ""), nil
	}
	data, err := n.readFile(file)
	return strings.TrimSpace(string(data)), err
}

func (n *node) readFile(path string) ([]byte, error) { return os.ReadFile(filepath.Join(n.root, path)) }

func (n *node) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(n.root, path))
	return err == nil
}
