package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-dev/holdfast/test/distro/profile"
	"github.com/holdfast-dev/holdfast/test/distro/server"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

func (p *program) server(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("this command does not take any arguments: %s", strings.Join(c.Args().Slice(), " "))
	}
	cfg, err := p.serverConfig(c)
	if err != nil {
		return err
	}
	p.log.Infof("Starting %s %s (%s)", p.flavor.Name, p.version, commit)
	err = server.Run(c.Context, cfg)
	var shutdown *server.ShutdownError
	if errors.As(err, &shutdown) {
		p.log.Error(shutdown.Error())
		return nil
	}
	return err
}

func (p *program) serverConfig(c *cli.Context) (server.Config, error) {
	pr, err := profile.Load(profile.Path)
	if err != nil {
		return server.Config{}, err
	}
	token, err := textOrFile(c, "token")
	if err != nil {
		return server.Config{}, err
	}
	agentToken, err := textOrFile(c, "agent-token")
	if err != nil {
		return server.Config{}, err
	}
	name, ip, err := identity(c)
	if err != nil {
		return server.Config{}, err
	}
	cfg := server.Config{
		Flavor: p.flavor, Profile: pr, Version: p.version, Log: p.log, Now: time.Now,
		DataDir: p.dataDir(c), NodeName: name, NodeIP: ip, Token: token, TokenGiven: c.String("token") != "", AgentToken: agentToken, Server: c.String("server"),
		ClusterInit: c.Bool("cluster-init"), ClusterReset: c.Bool("cluster-reset"), RestorePath: c.String("cluster-reset-restore-path"),
		Port: 6443, WriteKubeconfig: c.String("write-kubeconfig"), KubeconfigMode: c.String("write-kubeconfig-mode"),
		ServiceCIDR: c.String("service-cidr"), ClusterCIDR: c.String("cluster-cidr"), ClusterDNS: c.String("cluster-dns"),
		ClusterDomain: c.String("cluster-domain"), SANs: c.StringSlice("tls-san"),
		NodeLabels: c.StringSlice("node-label"), NodeTaints: c.StringSlice("node-taint"), EtcdArgs: c.StringSlice("etcd-arg"),
		APIServerArgs: c.StringSlice("kube-apiserver-arg"), SecretsEncryption: c.Bool("secrets-encryption"),
		ExposeMetrics: c.Bool("etcd-expose-metrics"), DisableAgent: c.Bool("disable-agent"), DisableAPIServer: c.Bool("disable-apiserver"),
		DisableEtcd: c.Bool("disable-etcd"), DisableControllers: c.Bool("disable-controller-manager"), DatastoreEndpoint: c.String("datastore-endpoint"),
	}
	if !p.flavor.StaticPods() {
		cfg.Port = c.Int("https-listen-port")
	}
	cfg.Snapshot, err = snapshots(c)
	return cfg, err
}

func snapshots(c *cli.Context) (server.Snapshots, error) {
	s := server.Snapshots{
		Disabled: c.Bool("etcd-disable-snapshots"), Name: c.String("etcd-snapshot-name"), Cron: c.String("etcd-snapshot-schedule-cron"),
		Retention: c.Int("etcd-snapshot-retention"), Dir: c.String("etcd-snapshot-dir"), Compress: c.Bool("etcd-snapshot-compress"),
		Reconcile: c.Duration("etcd-snapshot-reconcile-interval"),
	}
	if s.Reconcile <= 0 {
		return s, errors.New("etcd-snapshot-reconcile-interval must be greater than 0")
	}
	if c.Bool("etcd-s3") {
		s.S3 = s3(c, "etcd-s3")
		if !c.IsSet("etcd-s3-retention") && c.IsSet("etcd-snapshot-retention") {
			s.S3.Retention = s.Retention
		}
		if s.S3.Timeout <= 0 {
			return s, errors.New("etcd-s3-timeout must be greater than 0s")
		}
	}
	return s, nil
}

func s3(c *cli.Context, prefix string) *snapshot.S3 {
	text := func(option string) string { return c.String(prefix + option) }
	return &snapshot.S3{
		AccessKey: text("-access-key"), SecretKey: text("-secret-key"), SessionToken: text("-session-token"),
		Bucket: text("-bucket"), BucketLookup: text("-bucket-lookup-type"), ConfigSecret: text("-config-secret"), Endpoint: text("-endpoint"),
		EndpointCA: text("-endpoint-ca"), Folder: text("-folder"), Proxy: text("-proxy"), Region: text("-region"),
		Insecure: c.Bool(prefix + "-insecure"), SkipSSLVerify: c.Bool(prefix + "-skip-ssl-verify"),
		Retention: c.Int(prefix + "-retention"), Timeout: c.Duration(prefix + "-timeout"),
	}
}

func (p *program) dataDir(c *cli.Context) string {
	if dir := c.String("data-dir"); dir != "" {
		if abs, err := filepath.Abs(dir); err == nil {
			return abs
		}
	}
	return p.flavor.DataDir()
}

// textOrFile is what a flag says, or the file that stands for it: the file wins.
func textOrFile(c *cli.Context, name string) (string, error) {
	file := c.String(name + "-file")
	if file == "" {
		return c.String(name), nil
	}
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

// identity is the machine's name, and the address that is set or the first that is no loopback.
func identity(c *cli.Context) (name, ip string, err error) {
	if name = c.String("node-name"); name == "" {
		if name, err = os.Hostname(); err != nil {
			return "", "", err
		}
	}
	if ips := c.StringSlice("node-ip"); len(ips) > 0 {
		first, _, _ := strings.Cut(ips[0], ",")
		return strings.ToLower(name), first, nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", "", err
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return strings.ToLower(name), n.IP.String(), nil
		}
	}
	return "", "", errors.New("no default routes found; set --node-ip")
}
