package etcd

import (
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Config says which etcd is meant and how to reach it. Every field but the last three is a global option of etcdctl
// with the same meaning, so that whoever has a working etcdctl command has a working Config.
//
// [Defaults] returns etcdctl's defaults. They matter: with the zero value an endpoint without a scheme means TLS, with
// the defaults it means plain text unless a certificate or CA is given.
type Config struct {
	// Endpoints (--endpoints) are host:port, http://host:port, https://host:port or unix:///path. A scheme decides:
	// http is never encrypted whatever else is set, https always is, against the system's CAs when CACert is empty.
	// Without a scheme, TLS is used as soon as CACert, Cert, Key, TLSServerName or InsecureSkipTLSVerify is set, or
	// InsecureTransport is not.
	Endpoints []string
	// CACert (--cacert) is the file with the CA certificates that server certificates are checked against.
	CACert string
	// Cert and Key (--cert, --key) are the files of the client certificate. They are read again at every handshake,
	// so that a renewed certificate is used without a restart.
	Cert, Key string
	// Username and Password (--user, --password) are for clusters with authentication enabled.
	Username string
	Password Secret
	// Token (--auth-jwt-token) is used in place of a user and a password.
	Token Secret
	// InsecureSkipTLSVerify (--insecure-skip-tls-verify) accepts any server certificate.
	InsecureSkipTLSVerify bool
	// InsecureTransport (--insecure-transport, default true) lets endpoints without a scheme be spoken to in plain
	// text when no certificate option is set.
	InsecureTransport bool
	// DialTimeout (--dial-timeout, default 2s) bounds one connection attempt, the login included.
	DialTimeout time.Duration
	// CommandTimeout (--command-timeout, default 5s) bounds each short request. A snapshot stream is bounded by
	// [StreamConfig.StallTimeout] instead, because its length is not known.
	CommandTimeout time.Duration
	// KeepAliveTime and KeepAliveTimeout (--keepalive-time, default 2s; --keepalive-timeout, default 6s) find dead
	// connections. gRPC raises the first to 10 s.
	KeepAliveTime, KeepAliveTimeout time.Duration
	// DiscoverySRV (--discovery-srv) is a domain whose SRV records name the endpoints; Endpoints then only serve when
	// it has none. DiscoverySRVName (--discovery-srv-name) is appended to the service name.
	DiscoverySRV, DiscoverySRVName string
	// InsecureDiscovery (--insecure-discovery, default true) accepts SRV records of plain http endpoints. When false
	// they are dropped and server certificates must be for the DiscoverySRV domain.
	InsecureDiscovery bool

	// Cluster makes Inspect ask every member at its client URLs, as `etcdctl endpoint --cluster` does, and not only
	// the given endpoints.
	Cluster bool
	// TLSServerName is the name that server certificates are checked for. Empty: the endpoint's host. For endpoints
	// that are reached through a tunnel or a load balancer.
	TLSServerName string
	// LockDir holds the files that keep two processes of this host from streaming from one member at the same time.
	// They are empty and stay. Empty: the system's directory for temporary files.
	LockDir string
}

// Secret is a password or a token. It prints as ***.
type Secret string

// String returns "***", or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString is for %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue is for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Defaults returns what etcdctl uses when it is given no option.
func Defaults() Config {
	return Config{
		Endpoints:         []string{"127.0.0.1:2379"},
		InsecureTransport: true,
		DialTimeout:       defaultDialTimeout,
		CommandTimeout:    defaultCommandTimeout,
		KeepAliveTime:     defaultKeepAliveTime,
		KeepAliveTimeout:  defaultKeepAliveTimeout,
		InsecureDiscovery: true,
	}
}

const (
	defaultDialTimeout      = 2 * time.Second
	defaultCommandTimeout   = 5 * time.Second
	defaultKeepAliveTime    = 2 * time.Second
	defaultKeepAliveTimeout = 6 * time.Second
)

// NeedsPassword says whether a user is named whose password nobody gave. etcdctl asks for it on the terminal then.
func (c *Config) NeedsPassword() bool {
	return c.Username != "" && c.Token == "" && c.Password == "" && !strings.Contains(c.Username, ":")
}

// complete fills in what was left out and refuses what contradicts itself. It works on a copy.
func (c Config) complete() (Config, error) {
	if c.Password == "" && c.Token == "" {
		if user, password, ok := strings.Cut(c.Username, ":"); ok {
			c.Username, c.Password = user, Secret(password)
		}
	}
	switch {
	case c.Token != "" && (c.Username != "" || c.Password != ""):
		return c, usage("give either a user and a password or a token, not both", "drop --user and --password, or --auth-jwt-token")
	case c.Username == "" && c.Password != "":
		return c, usage("a password is given without a user", "name the user with --user")
	case c.NeedsPassword():
		return c, usage("the user "+c.Username+" is given without a password", "give it with ETCDCTL_PASSWORD or ETCDCTL_USER=user:password")
	}
	for _, d := range []*time.Duration{&c.DialTimeout, &c.CommandTimeout, &c.KeepAliveTime, &c.KeepAliveTimeout} {
		if *d < 0 {
			return c, usage("a timeout is negative: "+d.String(), "")
		}
	}
	setDefault(&c.DialTimeout, defaultDialTimeout)
	setDefault(&c.CommandTimeout, defaultCommandTimeout)
	setDefault(&c.KeepAliveTime, defaultKeepAliveTime)
	setDefault(&c.KeepAliveTimeout, defaultKeepAliveTimeout)
	if c.LockDir == "" {
		c.LockDir = os.TempDir()
	}
	return c, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

func usage(why, next string) error {
	return &problem.Error{Kind: problem.Usage, Op: "connect to etcd", Why: why, Next: next}
}
