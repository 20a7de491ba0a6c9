package command

import (
	"time"

	"github.com/urfave/cli/v2"
)

func (p *program) text(name, value string, env string, aliases ...string) cli.Flag {
	f := &cli.StringFlag{Name: name, Value: value, Aliases: aliases}
	if env != "" {
		f.EnvVars = []string{env}
	}
	return f
}

func (p *program) yes(name string, env string, aliases ...string) cli.Flag {
	f := &cli.BoolFlag{Name: name, Aliases: aliases}
	if env != "" {
		f.EnvVars = []string{env}
	}
	return f
}

func many(name string, aliases ...string) cli.Flag {
	return &cli.StringSliceFlag{Name: name, Aliases: aliases}
}

// common flags are those of every command.
func (p *program) common() []cli.Flag {
	return []cli.Flag{
		p.text("config", p.flavor.ConfigFile(), p.flavor.Env("CONFIG_FILE"), "c"),
		p.yes("debug", p.flavor.Env("DEBUG")),
		p.text("log", "", "", "l"), p.yes("alsologtostderr", ""),
		p.text("data-dir", "", p.flavor.Env("DATA_DIR"), "d"),
		p.text("node-name", "", p.flavor.Env("NODE_NAME")),
	}
}

// nodeFlags are those of servers and agents.
func (p *program) nodeFlags() []cli.Flag {
	return append(p.common(),
		p.text("v", "0", ""),
		p.text("token", "", p.flavor.Env("TOKEN"), "t"), p.text("token-file", "", p.flavor.Env("TOKEN_FILE")),
		p.text("server", "", p.flavor.Env("URL"), "s"),
		p.yes("with-node-id", ""), many("node-label"), many("node-taint"), many("node-ip", "i"), many("node-external-ip"),
		many("kubelet-arg"), many("kube-proxy-arg"), p.yes("selinux", p.flavor.Env("SELINUX")), p.text("resolv-conf", "", ""),
		p.yes("protect-kernel-defaults", ""), p.text("container-runtime-endpoint", "", ""), p.text("private-registry", "", ""),
		p.text("system-default-registry", "", ""), p.text("pause-image", "", ""), p.text("snapshotter", "", ""), p.yes("docker", ""),
		p.yes("rootless", ""), p.text("flannel-iface", "", ""), p.text("lb-server-port", "6444", ""), p.text("profile", "", ""),
		p.text("bind-address", "", ""),
	)
}

func (p *program) agentFlags() []cli.Flag { return p.nodeFlags() }

func (p *program) serverFlags() []cli.Flag {
	flags := append(p.nodeFlags(), p.roleFlags()...)
	return append(append(flags, p.networkFlags()...), p.etcdFlags()...)
}

func (p *program) roleFlags() []cli.Flag {
	return []cli.Flag{
		p.yes("cluster-reset", p.flavor.Env("CLUSTER_RESET")), p.text("cluster-reset-restore-path", "", ""),
		p.text("agent-token", "", p.flavor.Env("AGENT_TOKEN")), p.text("agent-token-file", "", p.flavor.Env("AGENT_TOKEN_FILE")),
		p.yes("disable-agent", ""), p.yes("disable-apiserver", ""), p.yes("disable-controller-manager", ""), p.yes("disable-scheduler", ""),
		p.yes("disable-etcd", ""), p.yes("disable-cloud-controller", ""), p.yes("disable-kube-proxy", ""), p.yes("disable-network-policy", ""),
		p.yes("disable-helm-controller", ""), many("disable"), p.yes("secrets-encryption", ""),
		p.text("write-kubeconfig", "", p.flavor.Env("KUBECONFIG_OUTPUT"), "o"), p.text("write-kubeconfig-mode", "", p.flavor.Env("KUBECONFIG_MODE")),
		many("kube-apiserver-arg"), many("etcd-arg"), many("kube-controller-manager-arg"), many("kube-scheduler-arg"),
		p.text("datastore-endpoint", "", p.flavor.Env("DATASTORE_ENDPOINT")), p.text("cni", "", ""), p.yes("embedded-registry", ""),
	}
}

func (p *program) networkFlags() []cli.Flag {
	flags := []cli.Flag{
		many("tls-san"), p.text("advertise-address", "", ""), p.text("cluster-cidr", "10.42.0.0/16", ""), p.text("service-cidr", "10.43.0.0/16", ""),
		p.text("cluster-dns", "10.43.0.10", ""), p.text("cluster-domain", "cluster.local", ""), p.text("egress-selector-mode", "agent", ""),
	}
	if p.flavor.StaticPods() {
		return flags
	}
	return append(flags, p.yes("cluster-init", p.flavor.Env("CLUSTER_INIT")), &cli.IntFlag{Name: "https-listen-port", Value: 6443},
		p.text("flannel-backend", "vxlan", ""), p.yes("flannel-ipv6-masq", ""))
}

func (p *program) etcdFlags() []cli.Flag {
	return append([]cli.Flag{
		p.yes("etcd-disable-snapshots", ""), p.text("etcd-snapshot-name", "etcd-snapshot", ""),
		p.text("etcd-snapshot-schedule-cron", "0 */12 * * *", ""), &cli.IntFlag{Name: "etcd-snapshot-retention", Value: 5},
		p.text("etcd-snapshot-dir", "", ""), p.yes("etcd-snapshot-compress", ""),
		&cli.DurationFlag{Name: "etcd-snapshot-reconcile-interval", Value: 10 * time.Minute}, p.yes("etcd-expose-metrics", ""),
	}, p.s3Flags("etcd-s3", "")...)
}

// s3Flags have the names of the server's; short ones are the command line's own.
func (p *program) s3Flags(name, short string) []cli.Flag {
	names := func(option string) (string, []string) {
		if short == "" {
			return name + option, nil
		}
		return short + option, []string{name + option}
	}
	text := func(option, value, env string) cli.Flag {
		long, aliases := names(option)
		return p.text(long, value, env, aliases...)
	}
	yes := func(option string) cli.Flag {
		long, aliases := names(option)
		return p.yes(long, "", aliases...)
	}
	retention, retentionAliases := names("-retention")
	timeout, timeoutAliases := names("-timeout")
	return []cli.Flag{
		yes(""), text("-endpoint", "s3.amazonaws.com", ""), text("-endpoint-ca", "", ""), yes("-skip-ssl-verify"),
		text("-access-key", "", "AWS_ACCESS_KEY_ID"), text("-secret-key", "", "AWS_SECRET_ACCESS_KEY"),
		text("-session-token", "", "AWS_SESSION_TOKEN"), text("-bucket", "", ""), text("-bucket-lookup-type", "auto", ""),
		text("-region", "us-east-1", ""), text("-folder", "", ""), text("-proxy", "", ""), text("-config-secret", "", ""), yes("-insecure"),
		&cli.IntFlag{Name: retention, Aliases: retentionAliases, Value: 5},
		&cli.DurationFlag{Name: timeout, Aliases: timeoutAliases, Value: 5 * time.Minute},
	}
}
