package etcd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/test/lab"
)

func clientURL(n *lab.Node) string { return fmt.Sprintf("https://%s:2379", n.Address) }
func peerURL(n *lab.Node) string   { return fmt.Sprintf("https://%s:2380", n.Address) }

// settings of a member: names of etcd's flags → values.
func (c *Cluster) settings(n *lab.Node, state string) map[string]string {
	var peers []string
	for _, member := range c.cfg.Nodes {
		peers = append(peers, member.Name+"="+peerURL(member))
	}
	s := map[string]string{
		"name":                        n.Name,
		"data-dir":                    DataDir,
		"listen-client-urls":          clientURL(n) + ",https://127.0.0.1:2379",
		"advertise-client-urls":       clientURL(n),
		"listen-peer-urls":            peerURL(n),
		"initial-advertise-peer-urls": peerURL(n),
		"initial-cluster":             strings.Join(peers, ","),
		"initial-cluster-token":       c.cfg.Token,
		"initial-cluster-state":       state,
	}
	maps.Copy(s, c.cfg.Settings)
	return s
}

// security is one listener's half of the TLS settings, by the names in a config file.
func security(pair string) map[string]string {
	return map[string]string{
		"cert-file":        PKIDir + "/" + pair + ".crt",
		"key-file":         PKIDir + "/" + pair + ".key",
		"trusted-ca-file":  PKIDir + "/ca.crt",
		"client-cert-auth": "true",
	}
}

// flat is all settings by the names of flags.
func (c *Cluster) flat(n *lab.Node, state string) map[string]string {
	all := c.settings(n, state)
	maps.Copy(all, security("server"))
	for name, value := range security("peer") {
		all["peer-"+name] = value
	}
	return all
}

// unit is the unit file, and where it has its settings from.
func (c *Cluster) unit(n *lab.Node, state string) map[string]string {
	const unitFile, env, file = "/etc/systemd/system/" + Unit, ConfigDir + "/etcd.env", ConfigDir + "/etcd.yaml"
	flat := c.flat(n, state)
	names := slices.Sorted(maps.Keys(flat))
	switch c.cfg.Style {
	case Environment:
		var b strings.Builder
		for _, name := range names {
			fmt.Fprintf(&b, "ETCD_%s=%s\n", strings.ToUpper(strings.ReplaceAll(name, "-", "_")), flat[name])
		}
		return map[string]string{unitFile: unit("EnvironmentFile=" + env + "\nExecStart=/usr/local/bin/etcd"), env: b.String()}
	case File:
		return map[string]string{unitFile: unit("ExecStart=/usr/local/bin/etcd --config-file=" + file), file: c.yaml(n, state)}
	default:
		line := "ExecStart=/usr/local/bin/etcd"
		for _, name := range names {
			line += fmt.Sprintf(" \\\n  --%s=%s", name, flat[name])
		}
		return map[string]string{unitFile: unit(line)}
	}
}

func (c *Cluster) yaml(n *lab.Node, state string) string {
	var b strings.Builder
	write := func(indent string, settings map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(settings)) {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, name, settings[name])
		}
	}
	write("", c.settings(n, state))
	b.WriteString("client-transport-security:\n")
	write("  ", security("server"))
	b.WriteString("peer-transport-security:\n")
	write("  ", security("peer"))
	return b.String()
}

func unit(exec string) string {
	return `[Unit]
Description=etcd
Documentation=https://etcd.io/docs
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
User=` + User + `
` + exec + `
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
`
}
