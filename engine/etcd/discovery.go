package etcd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// lookupSRV is net.Resolver's LookupSRV.
type lookupSRV func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)

// discover returns the endpoints that the SRV records of a domain name: _etcd-client-ssl._tcp first, then
// _etcd-client._tcp, unless plain ones are not accepted. A domain with only one of the two is normal.
func discover(ctx context.Context, cfg Config, lookup lookupSRV) ([]string, error) {
	found, err := discoverScheme(ctx, cfg, "https", lookup)
	if cfg.InsecureDiscovery {
		plain, plainErr := discoverScheme(ctx, cfg, "http", lookup)
		found = append(found, plain...)
		if plainErr == nil {
			err = nil
		}
	}
	if len(found) == 0 && err != nil {
		return nil, &problem.Error{
			Kind: problem.Unreachable, Op: "find the endpoints of etcd in the SRV records of", Subject: cfg.DiscoverySRV,
			Next: "check --discovery-srv and --discovery-srv-name, or name the endpoints with --endpoints", Err: err,
		}
	}
	return found, nil
}

func discoverScheme(ctx context.Context, cfg Config, scheme string, lookup lookupSRV) ([]string, error) {
	service := "etcd-client"
	if scheme == "https" {
		service += "-ssl"
	}
	if cfg.DiscoverySRVName != "" {
		service += "-" + cfg.DiscoverySRVName
	}
	_, records, err := lookup(ctx, service, "tcp", cfg.DiscoverySRV)
	if err != nil {
		return nil, fmt.Errorf("look up _%s._tcp.%s: %w", service, cfg.DiscoverySRV, err)
	}
	var found []string
	for _, r := range records {
		host := strings.TrimSuffix(r.Target, ".")
		found = append(found, scheme+"://"+net.JoinHostPort(host, strconv.Itoa(int(r.Port))))
	}
	return found, nil
}
