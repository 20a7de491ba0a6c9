package etcd

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
)

// endpoint is one address of an etcd, taken apart as etcd's own client does.
type endpoint struct {
	// raw is the endpoint as it was given. It goes to etcd's client and into messages.
	raw string
	// scheme is http, https, unix, unixs or "".
	scheme string
	// network and address are for a dialer: "tcp" and host:port, or "unix" and a path.
	network, address string
	// host is what a server certificate is compared with.
	host string
}

// parseEndpoint refuses what etcd's client would only stumble over when it dials.
func parseEndpoint(raw string) (endpoint, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return endpoint{}, usage("an endpoint is empty", "write --endpoints host:2379,host:2379")
	}
	if rest, ok := strings.CutPrefix(raw, "unix"); ok && strings.HasPrefix(strings.TrimPrefix(rest, "s"), ":") {
		return parseSocket(raw)
	}
	e := endpoint{raw: raw, network: "tcp", address: raw}
	if strings.Contains(raw, "://") {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return endpoint{}, badEndpoint(raw, "it is not a URL of the kind https://host:2379")
		}
		e.scheme, e.address = u.Scheme, u.Host
	}
	host, port, err := net.SplitHostPort(e.address)
	if err != nil || port == "" || host == "" {
		return endpoint{}, badEndpoint(raw, "it has no port")
	}
	e.host = host
	return e, nil
}

// parseSocket reads unix:path, unix://path and unix:///path, and the same with unixs for TLS over a socket.
func parseSocket(raw string) (endpoint, error) {
	scheme, file, _ := strings.Cut(raw, ":")
	file = strings.TrimPrefix(file, "//")
	if file == "" {
		return endpoint{}, badEndpoint(raw, "it names no socket")
	}
	return endpoint{raw: raw, scheme: scheme, network: "unix", address: file, host: path.Base(file)}, nil
}

func badEndpoint(raw, why string) error {
	return usage(fmt.Sprintf("the endpoint %q can't be used: %s", raw, why), "write --endpoints host:2379 or https://host:2379")
}

// encrypted says whether TLS is spoken, given that certificate options are set or not.
func (e endpoint) encrypted(options bool) bool {
	switch e.scheme {
	case "https", "unixs":
		return true
	case "http":
		return false
	}
	return options
}

// parseEndpoints keeps the order and drops repetitions: one endpoint is one connection.
func parseEndpoints(raw []string) ([]endpoint, error) {
	var parsed []endpoint
	seen := map[string]bool{}
	for _, r := range raw {
		e, err := parseEndpoint(r)
		if err != nil {
			return nil, err
		}
		if !seen[e.raw] {
			seen[e.raw] = true
			parsed = append(parsed, e)
		}
	}
	if len(parsed) == 0 {
		return nil, usage("no endpoint is given", "name at least one with --endpoints")
	}
	return parsed, nil
}
