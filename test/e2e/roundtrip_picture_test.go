package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// populate makes a cluster with a history: Kubernetes' objects with deletes and a compaction, leases with and without
// keys, and users and roles, whether authentication is on or not.
func populate(t *testing.T, e *server.Etcd) {
	t.Helper()
	cli := servertest.EtcdClient(t, e)
	d, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 7, Objects: 3000, Leases: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Age(t.Context(), cli, kubedata.Aging{Updates: 400, Deletes: 200, Compact: true}); err != nil {
		t.Fatal(err)
	}
	for _, ttl := range []int64{5000, 7000} {
		lease, err := cli.Grant(t.Context(), ttl)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ttl/1000 - 5 { // none for the first
			put(t, cli, fmt.Sprintf("leased/%d", n), "x", clientv3.WithLease(lease.ID))
		}
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(cli.RoleAdd(t.Context(), "reader"))
	must(cli.RoleGrantPermission(t.Context(), "reader", "leased/", clientv3.GetPrefixRangeEnd("leased/"), clientv3.PermissionType(clientv3.PermRead)))
	must(cli.UserAdd(t.Context(), "ada", "lovelace"))
	must(cli.UserGrantRole(t.Context(), "ada", "reader"))
}

func put(t *testing.T, cli *clientv3.Client, key, value string, opts ...clientv3.OpOption) int64 {
	t.Helper()
	r, err := cli.Put(t.Context(), key, value, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r.Header.Revision
}

// picture is all that a client can see of a cluster and that a restore must bring back.
type picture struct {
	Hash   server.Hash
	Keys   int64
	Leases []string
	Users  []string
	Roles  []string
	Auth   string
	// BelowCompaction and AtCompaction are the answers to reads at these revisions.
	BelowCompaction, AtCompaction string
	// Ada is what a user with few rights may do while authentication is on.
	Ada string
}

// look asks every member for the hash, and the cluster for the rest.
func look(t *testing.T, e *server.Etcd) picture {
	t.Helper()
	hash, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	cli := servertest.EtcdClient(t, e)
	all, err := cli.Get(t.Context(), "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	p := picture{Hash: hash, Keys: all.Count, Leases: leases(t, cli)}
	if all.Header.Revision != hash.Revision {
		t.Fatalf("somebody writes: revision %d after %d", all.Header.Revision, hash.Revision)
	}
	if p.accounts(t, cli) {
		p.Ada = rightsOfAda(t, e)
	}
	p.BelowCompaction = readAt(t, cli, hash.CompactRevision-1)
	p.AtCompaction = readAt(t, cli, hash.CompactRevision)
	return p
}

func readAt(t *testing.T, cli *clientv3.Client, revision int64) string {
	t.Helper()
	r, err := cli.Get(t.Context(), "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly(), clientv3.WithRev(revision))
	if errors.Is(err, rpctypes.ErrCompacted) {
		return "compacted"
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d keys", r.Count)
}

// leases describes each lease with its keys; the time left is only told from none.
func leases(t *testing.T, cli *clientv3.Client) []string {
	t.Helper()
	all, err := cli.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, l := range all.Leases {
		left, err := cli.TimeToLive(t.Context(), l.ID, clientv3.WithAttachedKeys())
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, k := range left.Keys {
			keys = append(keys, string(k))
		}
		slices.Sort(keys)
		list = append(list, fmt.Sprintf("%x granted %d, alive %t: %s", l.ID, left.GrantedTTL, left.TTL > 0, strings.Join(keys, " ")))
	}
	slices.Sort(list)
	return list
}

// accounts reports whether authentication is on.
func (p *picture) accounts(t *testing.T, cli *clientv3.Client) bool {
	t.Helper()
	status, err := cli.AuthStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Auth = fmt.Sprintf("enabled %t, revision %d", status.Enabled, status.AuthRevision)
	users, err := cli.UserList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range users.Users {
		user, err := cli.UserGet(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		p.Users = append(p.Users, fmt.Sprintf("%s: %v", name, user.Roles))
	}
	roles, err := cli.RoleList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range roles.Roles {
		role, err := cli.RoleGet(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, perm := range role.Perm {
			p.Roles = append(p.Roles, fmt.Sprintf("%s: %v %q to %q", name, perm.PermType, perm.Key, perm.RangeEnd))
		}
	}
	return status.Enabled
}

// rightsOfAda logs in as her.
func rightsOfAda(t *testing.T, e *server.Etcd) string {
	t.Helper()
	cfg := clientv3.Config{Endpoints: e.Endpoints(), Username: "ada", Password: "lovelace", Context: t.Context()}
	if tls := e.TLS(); tls != nil {
		var err error
		if cfg.TLS, err = tls.Config(); err != nil {
			t.Fatal(err)
		}
	}
	cli, err := clientv3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	_, own := cli.Get(t.Context(), "leased/0")
	_, other := cli.Get(t.Context(), "/registry/")
	_, write := cli.Put(t.Context(), "leased/0", "")
	return fmt.Sprintf("reads its own: %v, others: %v, writes: %v", own, other, write)
}

// checkLives writes through each member, restarts the cluster and looks for what was written.
func checkLives(t *testing.T, e *server.Etcd) {
	t.Helper()
	for _, m := range e.Members {
		writeThrough(t, m)
	}
	before, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if after != before {
		t.Errorf("after a restart the hash is %+v, before it was %+v", after, before)
	}
	cli := servertest.EtcdClient(t, e)
	for _, m := range e.Members {
		r, err := cli.Get(t.Context(), "new/"+m.Name)
		if err != nil || len(r.Kvs) != 1 || string(r.Kvs[0].Value) != m.Name {
			t.Errorf("what was written through %s is lost: %v, %v", m.Name, r, err)
		}
	}
}

func writeThrough(t *testing.T, m *server.Member) {
	t.Helper()
	cli, err := m.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if _, err := cli.Put(t.Context(), "new/"+m.Name, m.Name); err != nil {
		t.Errorf("write through %s: %v", m.Name, err)
	}
}
