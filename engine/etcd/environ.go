package etcd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// FromEnviron returns [Defaults] changed by the ETCDCTL_* variables, as etcdctl reads them: one per global option, an
// empty one counts as unset. ETCDCTL_USER may be "user:password". The variables that say how etcdctl prints and logs,
// its message size limits and ETCDCTL_API mean nothing here and are ignored.
//
// A value that can't be understood is an error of kind Usage that names the variable. (etcdctl uses its default then,
// in silence, and so may talk to another etcd than was meant.)
func FromEnviron(getenv func(string) string) (Config, error) {
	c := Defaults()
	e := environ{getenv: getenv}
	e.list("ENDPOINTS", &c.Endpoints)
	e.text("CACERT", &c.CACert)
	e.text("CERT", &c.Cert)
	e.text("KEY", &c.Key)
	e.text("USER", &c.Username)
	e.text("PASSWORD", (*string)(&c.Password))
	e.text("AUTH_JWT_TOKEN", (*string)(&c.Token))
	e.flag("INSECURE_SKIP_TLS_VERIFY", &c.InsecureSkipTLSVerify)
	e.flag("INSECURE_TRANSPORT", &c.InsecureTransport)
	e.duration("DIAL_TIMEOUT", &c.DialTimeout)
	e.duration("COMMAND_TIMEOUT", &c.CommandTimeout)
	e.duration("KEEPALIVE_TIME", &c.KeepAliveTime)
	e.duration("KEEPALIVE_TIMEOUT", &c.KeepAliveTimeout)
	e.text("DISCOVERY_SRV", &c.DiscoverySRV)
	e.text("DISCOVERY_SRV_NAME", &c.DiscoverySRVName)
	e.flag("INSECURE_DISCOVERY", &c.InsecureDiscovery)
	if user, password, ok := strings.Cut(c.Username, ":"); ok && c.Password == "" {
		c.Username, c.Password = user, Secret(password)
	}
	return c, e.err
}

// environ reads variables and keeps the first error.
type environ struct {
	getenv func(string) string
	err    error
}

func (e *environ) text(name string, to *string) {
	if v := e.getenv("ETCDCTL_" + name); v != "" {
		*to = v
	}
}

func (e *environ) list(name string, to *[]string) {
	if v := e.getenv("ETCDCTL_" + name); v != "" {
		*to = strings.Split(v, ",")
	}
}

func (e *environ) flag(name string, to *bool) {
	if v := e.getenv("ETCDCTL_" + name); v != "" {
		b, err := strconv.ParseBool(v)
		if err != nil {
			e.refuse(name, fmt.Sprintf("%q is neither true nor false", v))
			return
		}
		*to = b
	}
}

func (e *environ) duration(name string, to *time.Duration) {
	if v := e.getenv("ETCDCTL_" + name); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			e.refuse(name, fmt.Sprintf("%q is not a duration such as 5s", v))
			return
		}
		*to = d
	}
}

func (e *environ) refuse(name, why string) {
	if e.err == nil {
		e.err = &problem.Error{Kind: problem.Usage, Op: "read the variable", Subject: "ETCDCTL_" + name, Why: why}
	}
}
