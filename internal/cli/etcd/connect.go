package etcd

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// connection holds etcdctl's global flags.
type connection struct {
	console      *console.Console
	flags        *settings.Flags
	cfg          etcd.Config
	user         string
	passwordFile string
	cmd          *cobra.Command
}

// addConnection adds the flags. Their defaults are shown, and come from the environment where it is set.
func addConnection(c *console.Console, flags *settings.Flags, cmd *cobra.Command) *connection {
	n := &connection{console: c, flags: flags, cfg: etcd.Defaults(), cmd: cmd}
	fs := cmd.Flags()
	fs.StringSliceVar(&n.cfg.Endpoints, "endpoints", n.cfg.Endpoints, "etcd endpoints, comma-separated [$ETCDCTL_ENDPOINTS]")
	fs.StringVar(&n.cfg.CACert, "cacert", "", "PEM file with the CA of the servers' certificates [$ETCDCTL_CACERT]")
	fs.StringVar(&n.cfg.Cert, "cert", "", "PEM file with the client certificate [$ETCDCTL_CERT]")
	fs.StringVar(&n.cfg.Key, "key", "", "PEM file with the client certificate's key [$ETCDCTL_KEY]")
	fs.StringVar(&n.user, "user", "", "user name; the password comes from $ETCDCTL_PASSWORD, --password-file or a prompt [$ETCDCTL_USER]")
	fs.StringVar(&n.passwordFile, "password-file", "", "file (mode 0600) with the password")
	fs.BoolVar(&n.cfg.InsecureSkipTLSVerify, "insecure-skip-tls-verify", false, "accept any server certificate [$ETCDCTL_INSECURE_SKIP_TLS_VERIFY]")
	fs.BoolVar(&n.cfg.InsecureTransport, "insecure-transport", n.cfg.InsecureTransport,
		"plain text for endpoints without a scheme when no certificate is given [$ETCDCTL_INSECURE_TRANSPORT]")
	fs.Var(console.NewWait(&n.cfg.DialTimeout), "dial-timeout", "for one connection [$ETCDCTL_DIAL_TIMEOUT]")
	fs.Var(console.NewWait(&n.cfg.CommandTimeout), "command-timeout", "for one short request [$ETCDCTL_COMMAND_TIMEOUT]")
	fs.Var(console.NewWait(&n.cfg.KeepAliveTime), "keepalive-time", "between keepalive probes [$ETCDCTL_KEEPALIVE_TIME]")
	fs.Var(console.NewWait(&n.cfg.KeepAliveTimeout), "keepalive-timeout", "for the answer to a probe [$ETCDCTL_KEEPALIVE_TIMEOUT]")
	fs.StringVar(&n.cfg.DiscoverySRV, "discovery-srv", "", "domain whose SRV records name the endpoints [$ETCDCTL_DISCOVERY_SRV]")
	fs.StringVar(&n.cfg.DiscoverySRVName, "discovery-srv-name", "", "service name for SRV discovery [$ETCDCTL_DISCOVERY_SRV_NAME]")
	fs.BoolVar(&n.cfg.InsecureDiscovery, "insecure-discovery", n.cfg.InsecureDiscovery,
		"accept SRV records of plain-text endpoints [$ETCDCTL_INSECURE_DISCOVERY]")
	fs.BoolVar(&n.cfg.Cluster, "cluster", false, "ask every member at its client URLs, not only the given endpoints")
	for _, file := range []string{"cacert", "cert", "key", "password-file"} {
		_ = cmd.MarkFlagFilename(file)
	}
	return n
}

// dial merges flags, environment and config file, and returns a client.
func (n *connection) dial(ctx context.Context) (*etcd.Client, error) {
	cfg, err := n.resolve()
	if err != nil {
		return nil, err
	}
	return etcd.Dial(ctx, cfg)
}

func (n *connection) resolve() (etcd.Config, error) {
	file, err := n.flags.File()
	if err != nil {
		return n.cfg, err
	}
	env, err := etcd.FromEnviron(n.console.Getenv)
	if err != nil {
		return n.cfg, err
	}
	cfg := n.over(n.fileUnder(env, file.Etcd))
	if name, password, found := strings.Cut(n.user, ":"); found {
		_ = password
		return cfg, console.Usagef("--user %s:… has a password, which every user of this machine can see in the list of processes: "+
			"use $ETCDCTL_PASSWORD, --password-file, or leave it out to be asked", name)
	}
	if err := n.readPassword(&cfg, cmp.Or(n.passwordFile, file.Etcd.PasswordFile)); err != nil {
		return cfg, err
	}
	return cfg, nil
}

// fileUnder fills in from the config file what the environment leaves open.
func (n *connection) fileUnder(env etcd.Config, file settings.Etcd) etcd.Config {
	if n.console.Getenv("ETCDCTL_ENDPOINTS") == "" && len(file.Endpoints) > 0 {
		env.Endpoints = file.Endpoints
	}
	env.CACert, env.Cert = cmp.Or(env.CACert, file.CACert), cmp.Or(env.Cert, file.Cert)
	env.Key, env.Username = cmp.Or(env.Key, file.Key), cmp.Or(env.Username, file.User)
	return env
}

// over puts the flags that were given on top.
func (n *connection) over(below etcd.Config) etcd.Config {
	given := n.cmd.Flags().Changed
	set := func(name string, apply func()) {
		if given(name) {
			apply()
		}
	}
	c := below
	set("endpoints", func() { c.Endpoints = n.cfg.Endpoints })
	set("cacert", func() { c.CACert = n.cfg.CACert })
	set("cert", func() { c.Cert = n.cfg.Cert })
	set("key", func() { c.Key = n.cfg.Key })
	set("user", func() { c.Username, _, _ = strings.Cut(n.user, ":") })
	set("insecure-skip-tls-verify", func() { c.InsecureSkipTLSVerify = n.cfg.InsecureSkipTLSVerify })
	set("insecure-transport", func() { c.InsecureTransport = n.cfg.InsecureTransport })
	set("dial-timeout", func() { c.DialTimeout = n.cfg.DialTimeout })
	set("command-timeout", func() { c.CommandTimeout = n.cfg.CommandTimeout })
	set("keepalive-time", func() { c.KeepAliveTime = n.cfg.KeepAliveTime })
	set("keepalive-timeout", func() { c.KeepAliveTimeout = n.cfg.KeepAliveTimeout })
	set("discovery-srv", func() { c.DiscoverySRV = n.cfg.DiscoverySRV })
	set("discovery-srv-name", func() { c.DiscoverySRVName = n.cfg.DiscoverySRVName })
	set("insecure-discovery", func() { c.InsecureDiscovery = n.cfg.InsecureDiscovery })
	c.Cluster = n.cfg.Cluster
	return c
}

func (n *connection) readPassword(cfg *etcd.Config, file string) error {
	if file != "" && cfg.Password == "" {
		password, err := settings.Password(file)
		if err != nil {
			return err
		}
		cfg.Password = etcd.Secret(password)
	}
	if !cfg.NeedsPassword() {
		return nil
	}
	password, err := prompt(n.console, "Password of "+cfg.Username+": ")
	if err != nil {
		return console.Usagef("no password for user %s: set $ETCDCTL_PASSWORD or pass --password-file (%v)", cfg.Username, err)
	}
	cfg.Password = etcd.Secret(password)
	return nil
}

// prompt asks on the terminal, without showing what is typed.
func prompt(c *console.Console, question string) (string, error) {
	in, ok := c.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(c.In).ReadString('\n')
		if line == "" && err != nil {
			if err == io.EOF {
				err = fmt.Errorf("there is no terminal to ask on")
			}
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	fmt.Fprint(c.Err, question)
	defer fmt.Fprintln(c.Err)
	password, err := term.ReadPassword(int(in.Fd()))
	return string(password), err
}
