// Package etcd puts a real etcd on machines of a lab, as administrators do: a program, a systemd unit that starts it as
// a user of its own, certificates from an authority of its own, a data directory in /var/lib.
//
// After [Install] it is nobody's: machines may be rebooted, members killed, data directories replaced. The Cluster only
// knows addresses and certificates, and looks at the members from the host.
package etcd

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server/pki"
)

// Where things are on a machine.
const (
	Unit      = "etcd.service"
	DataDir   = "/var/lib/etcd"
	PKIDir    = "/etc/etcd/pki" // ca.crt, server.crt, server.key, peer.crt, peer.key
	ConfigDir = "/etc/etcd"
	User      = "etcd"
)

// Style is how the unit's program gets its settings.
type Style string

// The styles that are met in the field.
const (
	Flags       Style = "flags"       // on the command line
	Environment Style = "environment" // from an EnvironmentFile
	File        Style = "file"        // from a --config-file
)

// Config describes a cluster. What is empty has a default.
type Config struct {
	// Dir is a directory of the host for the certificates of clients there. Needed.
	Dir string
	// Nodes are the members' machines. Needed.
	Nodes []*lab.Node
	// Version is "3.5", "3.6" or "3.7". Default 3.6.
	Version string
	// Style defaults to Flags.
	Style Style
	// Token is the initial cluster token. Default "lab".
	Token string
	// Settings are added to every member's: name of a flag without dashes → value. The style File knows only those of
	// etcd's top level.
	Settings map[string]string
}

// Cluster is an etcd on machines.
type Cluster struct {
	// CA, Cert and Key are files on the host that make a client.
	CA, Cert, Key string

	cfg Config
	ca  *pki.Authority
}

// Install installs and enables etcd on every machine, and returns when the cluster takes writes.
func Install(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg.Version = cmp.Or(cfg.Version, "3.6")
	cfg.Style = cmp.Or(cfg.Style, Flags)
	cfg.Token = cmp.Or(cfg.Token, "lab")
	cfg.Nodes = slices.Clone(cfg.Nodes) // Replace changes them
	c := &Cluster{cfg: cfg}
	if err := c.makeClient(); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	for _, n := range cfg.Nodes {
		if err := c.install(ctx, n, "new"); err != nil {
			return nil, fmt.Errorf("install etcd on %s: %w", n.Name, err)
		}
	}
	// A member's start job ends when there is a quorum, so nobody may wait for the first one's.
	for _, n := range cfg.Nodes {
		if err := enable(ctx, n); err != nil {
			return nil, err
		}
	}
	return c, c.Ready(ctx)
}

func enable(ctx context.Context, n *lab.Node) error {
	_, err := n.Run(ctx, "systemctl", "enable", "--quiet", "--now", "--no-block", Unit)
	return err
}

func (c *Cluster) makeClient() error {
	var err error
	if c.ca, err = pki.New("lab-etcd-ca"); err != nil {
		return err
	}
	if c.CA, err = c.ca.WriteCert(filepath.Join(c.cfg.Dir, "ca.crt")); err != nil {
		return err
	}
	files, err := c.ca.IssueFiles(c.cfg.Dir, "client", pki.Leaf{CommonName: "client"})
	c.Cert, c.Key = files.Cert, files.Key
	return err
}

// install puts everything on a machine and starts nothing. The state is "new" or "existing".
func (c *Cluster) install(ctx context.Context, n *lab.Node, state string) error {
	const script = `
set -eu
systemd-sysusers /etc/sysusers.d/etcd.conf
ln -sf /opt/tools/etcd-$1 /usr/local/bin/etcd
ln -sf /opt/tools/etcdctl-$1 /usr/local/bin/etcdctl
install -d -m 0700 -o etcd -g etcd ` + DataDir + `
chown -R etcd:etcd ` + PKIDir + `
systemctl daemon-reload`
	files, err := c.files(n, state)
	if err != nil {
		return err
	}
	for path, content := range files {
		perm := fs.FileMode(0o644)
		if strings.HasSuffix(path, ".key") {
			perm = 0o600
		}
		if err := n.WriteFile(path, content, perm); err != nil {
			return err
		}
	}
	_, err = n.Run(ctx, "sh", "-c", script, "sh", c.cfg.Version)
	return err
}

func (c *Cluster) files(n *lab.Node, state string) (map[string][]byte, error) {
	all := map[string][]byte{
		"/etc/sysusers.d/etcd.conf": []byte("u etcd - \"etcd\" " + DataDir + "\n"),
		PKIDir + "/ca.crt":          c.ca.CertPEM(),
	}
	for path, content := range c.unit(n, state) {
		all[path] = []byte(content)
	}
	hosts := append(pki.Loopback(), n.Name, n.Address)
	for _, name := range []string{"server", "peer"} {
		pair, err := c.ca.Issue(pki.Leaf{CommonName: n.Name, Hosts: hosts})
		if err != nil {
			return nil, err
		}
		all[PKIDir+"/"+name+".crt"], all[PKIDir+"/"+name+".key"] = pair.Cert, pair.Key
	}
	return all, nil
}
