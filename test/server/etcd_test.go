package server_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAClusterKeepsItsDataOverKillAndRestart(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Version: "3.6", Members: 3, TLS: true})
	cli := servertest.EtcdClient(t, e)
	for i := range 50 {
		if _, err := cli.Put(t.Context(), fmt.Sprintf("/registry/x/%d", i), "value"); err != nil {
			t.Fatal(err)
		}
	}
	before, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := cli.Put(t.Context(), "/registry/x/written-by-two", "value"); err != nil {
		t.Fatal(err)
	}
	if err := e.Members[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := e.HashKV(t.Context(), before.Revision)
	if err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("hash was %+v, is %+v", before, after)
	}
}
