package kubedata_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAnAgedClusterHoldsWhatTheSeedSays(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	cli := servertest.EtcdClient(t, e)
	d, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 7, Objects: 500, Leases: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Live(), objects(t, cli), cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("filled (-want +got):\n%s", diff)
	}
	if err := d.Age(t.Context(), cli, kubedata.Aging{Updates: 300, Deletes: 50, Compact: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Live(), objects(t, cli), cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("aged (-want +got):\n%s", diff)
	}
	hash, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if hash.CompactRevision < 100 || hash.CompactRevision >= hash.Revision {
		t.Errorf("compacted at %d of %d", hash.CompactRevision, hash.Revision)
	}
	leases, err := cli.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(leases.Leases) == 0 {
		t.Error("no leases")
	}
}

// objects reads everything below /registry.
func objects(t *testing.T, cli *clientv3.Client) map[string][]byte {
	t.Helper()
	r, err := cli.Get(t.Context(), "/registry/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]byte, len(r.Kvs))
	for _, kv := range r.Kvs {
		got[string(kv.Key)] = kv.Value
	}
	return got
}
