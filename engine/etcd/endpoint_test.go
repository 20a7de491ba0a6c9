package etcd

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestEndpointsAreTakenApartAsEtcdDoes(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want endpoint
		// plain and secured: is TLS spoken without and with certificate options?
		plain, secured bool
	}{
		{"10.0.0.1:2379", endpoint{network: "tcp", address: "10.0.0.1:2379", host: "10.0.0.1"}, false, true},
		{" node:2379 ", endpoint{raw: "node:2379", network: "tcp", address: "node:2379", host: "node"}, false, true},
		{"[::1]:2379", endpoint{network: "tcp", address: "[::1]:2379", host: "::1"}, false, true},
		{"http://node:2379", endpoint{scheme: "http", network: "tcp", address: "node:2379", host: "node"}, false, false},
		{"https://node:2379/", endpoint{scheme: "https", network: "tcp", address: "node:2379", host: "node"}, true, true},
		{"unix:///run/etcd.sock", endpoint{scheme: "unix", network: "unix", address: "/run/etcd.sock", host: "etcd.sock"}, false, true},
		{"unix://etcd.sock:0", endpoint{scheme: "unix", network: "unix", address: "etcd.sock:0", host: "etcd.sock:0"}, false, true},
		{"unixs:run/etcd.sock", endpoint{scheme: "unixs", network: "unix", address: "run/etcd.sock", host: "etcd.sock"}, true, true},
		{"unixnode:2379", endpoint{network: "tcp", address: "unixnode:2379", host: "unixnode"}, false, true},
	} {
		got, err := parseEndpoint(c.raw)
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		if c.want.raw == "" {
			c.want.raw = c.raw
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(endpoint{})); diff != "" {
			t.Errorf("%s: %s", c.raw, diff)
		}
		if got.encrypted(false) != c.plain || got.encrypted(true) != c.secured {
			t.Errorf("%s: encrypted without options %v, with %v", c.raw, got.encrypted(false), got.encrypted(true))
		}
	}
}

func TestAnEndpointThatCanNotWorkIsRefusedBeforeItIsDialled(t *testing.T) {
	for raw, want := range map[string]string{
		"":                  "an endpoint is empty",
		"node":              `the endpoint "node" can't be used: it has no port`,
		":2379":             `the endpoint ":2379" can't be used: it has no port`,
		"https://node":      `the endpoint "https://node" can't be used: it has no port`,
		"ftp://node:2379":   `the endpoint "ftp://node:2379" can't be used: it is not a URL of the kind https://host:2379`,
		"https://no de:237": `the endpoint "https://no de:237" can't be used: it is not a URL of the kind https://host:2379`,
		"unix://":           `the endpoint "unix://" can't be used: it names no socket`,
	} {
		_, err := parseEndpoint(raw)
		p, ok := err.(*problem.Error)
		if !ok || p.Why != want || p.Kind != problem.Usage {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}

func TestEachEndpointIsOneConnectionHoweverOftenItIsNamed(t *testing.T) {
	got, err := parseEndpoints([]string{"b:2379", "a:2379", " b:2379"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].raw != "b:2379" || got[1].raw != "a:2379" {
		t.Errorf("got %+v", got)
	}
}
