package etcd

import (
	"context"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// zone answers SRV lookups from a map of service names.
func zone(records map[string][]*net.SRV) lookupSRV {
	return func(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
		full := "_" + service + "._" + proto + "." + name
		if found, ok := records[full]; ok {
			return full, found, nil
		}
		return "", nil, &net.DNSError{Err: "no such host", Name: full, IsNotFound: true}
	}
}

func TestSRVRecordsBecomeEndpoints(t *testing.T) {
	records := map[string][]*net.SRV{
		"_etcd-client-ssl._tcp.example.com":      {{Target: "a.example.com.", Port: 2379}},
		"_etcd-client._tcp.example.com":          {{Target: "b.example.com.", Port: 2380}},
		"_etcd-client-ssl-blue._tcp.example.com": {{Target: "c.example.com", Port: 2379}},
		"_etcd-client._tcp.plain.com":            {{Target: "d.plain.com.", Port: 2379}},
	}
	for _, c := range []struct {
		domain, name string
		insecure     bool
		want         []string
	}{
		{"example.com", "", true, []string{"https://a.example.com:2379", "http://b.example.com:2380"}},
		{"example.com", "", false, []string{"https://a.example.com:2379"}},
		{"example.com", "blue", true, []string{"https://c.example.com:2379"}},
		{"plain.com", "", true, []string{"http://d.plain.com:2379"}},
	} {
		cfg := Config{DiscoverySRV: c.domain, DiscoverySRVName: c.name, InsecureDiscovery: c.insecure}
		got, err := discover(t.Context(), cfg, zone(records))
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
	}
}

func TestADomainWithoutRecordsIsAnError(t *testing.T) {
	for _, insecure := range []bool{true, false} {
		cfg := Config{DiscoverySRV: "empty.com", InsecureDiscovery: insecure}
		_, err := discover(t.Context(), cfg, zone(nil))
		const want = "find the endpoints of etcd in the SRV records of empty.com: look up _etcd-client-ssl._tcp.empty.com: " +
			"lookup _etcd-client-ssl._tcp.empty.com: no such host"
		p, ok := err.(*problem.Error)
		if !ok || p.Error() != want || p.Kind != problem.Unreachable {
			t.Errorf("insecure %v: got %v", insecure, err)
		}
	}
}
