package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestAHealthyClusterIsShownChosenFromAndReceived(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{Members: 3, TLS: true}, func(t *testing.T, e *server.Etcd) {
		fillEtcd(t, e, 8<<20)
		c := dialEtcd(t, etcdSettings(t, e))
		var cluster etcd.Cluster
		eventually(t, "all members have applied everything and know their storage version", func() bool {
			cluster = inspect(t, c)
			return !slices.ContainsFunc(cluster.Members, func(m etcd.Member) bool {
				return m.Status.Revision != cluster.Revision || m.Status.StorageVersion != storageVersion(e)
			})
		})
		t.Run("table", func(t *testing.T) { testMemberTable(t, e, cluster) })
		t.Run("one endpoint", func(t *testing.T) { testOneEndpoint(t, e) })
		t.Run("choice", func(t *testing.T) { testFollowersFirst(t, inspect(t, c)) })
		t.Run("snapshot", func(t *testing.T) { testSnapshots(t, e, c) })
		t.Run("hash", func(t *testing.T) { testHash(t, e, c) })
		t.Run("gauge", func(t *testing.T) { testDefragGauge(t, e) })
	})
}

// testMemberTable compares with what etcd's own client is told.
func testMemberTable(t *testing.T, e *server.Etcd, cluster etcd.Cluster) {
	cli := servertest.EtcdClient(t, e)
	list, err := cli.MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cluster.ID != list.Header.ClusterId || !cluster.Quorum || len(cluster.Alarms) > 0 || len(cluster.Members) != 3 {
		t.Fatalf("got %+v", cluster)
	}
	for i, m := range cluster.Members {
		own := e.Members[i] // both in the order of their names
		st, err := cli.Status(t.Context(), own.ClientURL)
		if err != nil {
			t.Fatal(err)
		}
		want := etcd.Member{
			ID: st.Header.MemberId, Name: own.Name, ClientURLs: []string{own.ClientURL}, PeerURLs: []string{own.PeerURL},
			Endpoint: own.ClientURL,
			Status: &etcd.Status{
				Version: st.Version, StorageVersion: st.StorageVersion, Leader: st.Leader,
				RaftTerm: st.RaftTerm, RaftIndex: m.Status.RaftIndex, RaftApplied: m.Status.RaftApplied,
				Revision: st.Header.Revision, DBSize: m.Status.DBSize, DBInUse: m.Status.DBInUse, Quota: st.DbSizeQuota,
			},
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Error(diff)
		}
		if !strings.HasPrefix(m.Status.Version, own.Version) {
			t.Errorf("version %s", m.Status.Version)
		}
		if lag := cluster.Lag(&m); lag > 10 || m.Status.DBSize < m.Status.DBInUse || m.Status.DBInUse < 1<<20 {
			t.Errorf("lag %d, status %+v", lag, m.Status)
		}
		if m.Status.Leader != cluster.Leader || m.Status.RaftTerm != cluster.Term {
			t.Errorf("leader %x in term %d, the cluster's %x in %d", m.Status.Leader, m.Status.RaftTerm, cluster.Leader, cluster.Term)
		}
	}
}

func testOneEndpoint(t *testing.T, e *server.Etcd) {
	cfg := etcdSettings(t, e)
	cfg.Endpoints = cfg.Endpoints[:1]
	cluster := inspect(t, dialEtcd(t, cfg))
	choice, err := etcd.Choose(cluster, etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(choice.Candidates) != 1 || len(choice.Skipped) != 2 || choice.Skipped[0].Reason != "no endpoint leads to it" {
		t.Errorf("got %+v", choice)
	}
	cfg.Cluster = true
	for _, m := range inspect(t, dialEtcd(t, cfg)).Members {
		if !m.Answers() || m.ReadErr != nil {
			t.Errorf("with all members asked: %s: %v, %v", m.Name, m.Err, m.ReadErr)
		}
	}
}

func testFollowersFirst(t *testing.T, cluster etcd.Cluster) {
	choice, err := etcd.Choose(cluster, etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(choice.Candidates) != 3 || choice.Candidates[2].ID != cluster.Leader || choice.Flags != (etcd.Flags{}) {
		t.Errorf("got %+v", choice)
	}
}

func testSnapshots(t *testing.T, e *server.Etcd, c *etcd.Client) {
	for _, m := range inspect(t, c).Members {
		all := mustReceive(t, c, m)
		if int64(len(all)) < m.Status.DBInUse {
			t.Errorf("%d bytes, in use are %d", len(all), m.Status.DBInUse)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "snapshot.db"), all, 0o600); err != nil {
			t.Fatal(err)
		}
		tool := "etcdutl-" + e.Members[0].Version
		servertest.Tool(t, tool)
		out, err := server.Run(t.Context(), dir, nil, tool, "snapshot", "status", "snapshot.db", "-w", "json")
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"revision":%d,`, m.Status.Revision); !strings.Contains(out, want) {
			t.Errorf("etcdutl says %s, want %s", out, want)
		}
	}
	s, err := c.Snapshot(t.Context(), inspect(t, c).Members[0], etcd.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Version() != storageVersion(e) {
		t.Errorf("storage version %q, want %q", s.Version(), storageVersion(e))
	}
}

// storageVersion is what a cluster settles on, some seconds after its start.
func storageVersion(e *server.Etcd) string {
	return map[string]string{"3.5": "", "3.6": "3.6.0", "3.7": "3.7.0"}[e.Members[0].Version]
}

func testHash(t *testing.T, e *server.Etcd, c *etcd.Client) {
	cli := servertest.EtcdClient(t, e)
	head := inspect(t, c).Revision
	for _, m := range e.Members {
		if got, err := c.CompactRevision(t.Context(), m.ClientURL); err != nil || got != 0 {
			t.Errorf("before any compaction: %d, %v", got, err)
		}
	}
	before := sameHash(t, e, c, head)
	if before.CompactRevision != -1 {
		t.Errorf("before any compaction the hash is from %d on", before.CompactRevision)
	}
	at := head - 3
	if _, err := cli.Compact(t.Context(), at, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	for _, m := range e.Members {
		eventually(t, m.Name+" has compacted", func() bool {
			got, err := c.CompactRevision(t.Context(), m.ClientURL)
			if err != nil {
				t.Fatal(err)
			}
			return got == at
		})
	}
	after := sameHash(t, e, c, head)
	if after.CompactRevision != at || after.HashRevision != head || after.Revision != head {
		t.Errorf("after the compaction at %d: %+v", at, after)
	}
	if newest := sameHash(t, e, c, 0); newest.Hash != after.Hash || newest.HashRevision != head {
		t.Errorf("the newest: %+v, want %+v", newest, after)
	}
}

// sameHash asks all members and etcd's own client.
func sameHash(t *testing.T, e *server.Etcd, c *etcd.Client, revision int64) etcd.Hash {
	t.Helper()
	want, err := e.HashKV(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	var got etcd.Hash
	for _, m := range e.Members {
		if got, err = c.HashKV(t.Context(), m.ClientURL, revision); err != nil {
			t.Fatal(err)
		}
		if got.Hash != want.Hash || got.CompactRevision != want.CompactRevision {
			t.Fatalf("%s: got %+v, want %+v", m.Name, got, want)
		}
	}
	return got
}

// testDefragGauge keeps the name of the gauge honest that is looked at before a stream is begun.
func testDefragGauge(t *testing.T, e *server.Etcd) {
	secured, err := e.TLS().Config()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: secured}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, e.Members[0].ClientURL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\netcd_disk_defrag_inflight 0\n") {
		t.Error("etcd has no such gauge")
	}
}
