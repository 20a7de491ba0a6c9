package trial

import (
	"errors"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// serveEtcd starts an etcd in this process and returns a client and its endpoint.
func serveEtcd(t *testing.T) (*clientv3.Client, string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir) // a path of a unix socket must be short
	at := func(name string) []url.URL { return []url.URL{{Scheme: "unix", Host: name}} }
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel, cfg.LogOutputs = filepath.Join(dir, "data"), "error", []string{filepath.Join(dir, "log")}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = at("peer"), at("peer")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = at("client"), at("client")
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(30 * time.Second):
		t.Fatal("the etcd is not ready")
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://client"}, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, "unix://client"
}

// describe is what a snapshot of this moment would say of itself.
func describe(t *testing.T, client *clientv3.Client, endpoint string, leases int) *snapshot.Restored {
	t.Helper()
	all, err := client.Get(t.Context(), "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	at := all.Header.Revision
	hash, err := client.HashKV(t.Context(), endpoint, at)
	if err != nil {
		t.Fatal(err)
	}
	return &snapshot.Restored{Revision: at, Snapshot: snapshot.Database{
		Revision: at, Keys: all.Count, Leases: leases, HashKV: &hash.Hash,
	}}
}

func TestALeaseThatEndsDuringATrialIsNoDamage(t *testing.T) {
	client, endpoint := serveEtcd(t)
	lease, err := client.Grant(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for key, options := range map[string][]clientv3.OpOption{"stays": nil, "goes": {clientv3.WithLease(lease.ID)}} {
		if _, err := client.Put(t.Context(), key, "", options...); err != nil {
			t.Fatal(err)
		}
	}
	want := describe(t, client, endpoint, 1)
	if _, err := client.Revoke(t.Context(), lease.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t.Context(), endpoint, want); err != nil {
		t.Errorf("a snapshot whose lease has ended since: %v", err)
	}
}

func TestAnEtcdAtAnotherRevisionIsAMismatch(t *testing.T) {
	client, endpoint := serveEtcd(t)
	if _, err := client.Put(t.Context(), "a", "1"); err != nil {
		t.Fatal(err)
	}
	want := describe(t, client, endpoint, 0)
	want.Revision--
	if _, err := ask(t.Context(), endpoint, want); !isDamage(err) {
		t.Errorf("one revision too many: %v", err)
	}
	want = describe(t, client, endpoint, 1)
	want.Revision++
	if _, err := ask(t.Context(), endpoint, want); !isDamage(err) {
		t.Errorf("one revision too few: %v", err)
	}
	want = describe(t, client, endpoint, 0)
	want.Snapshot.Keys++
	if _, err := ask(t.Context(), endpoint, want); !isDamage(err) {
		t.Errorf("a key too few: %v", err)
	}
}

func isDamage(err error) bool { return errors.Is(err, snapshot.ErrDamaged) }
