package e2e

import (
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// What etcd itself says to each wrong setting. The engine's own tests have the rarer ones, against other servers.
func TestEachWrongTLSSettingIsNamed(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{TLS: true}, func(t *testing.T, e *server.Etcd) {
		files := e.TLS()
		const rejected = "it must be signed by the CA in the server's --trusted-ca-file, be valid today and allow client authentication"
		for _, c := range []struct {
			name           string
			change         func(*etcd.Config)
			kind           problem.Kind
			headline, next string
		}{
			{
				"no CA", func(c *etcd.Config) { c.CACert = "" }, problem.Unreachable,
				`reach etcd at ENDPOINT: its certificate is signed by a CA that is not trusted here (issuer "etcd-test-ca")`,
				"name the CA that signed it with --cacert",
			},
			{
				"wrong CA", func(c *etcd.Config) { c.CACert = files.WrongCA }, problem.Unreachable,
				`reach etcd at ENDPOINT: its certificate is signed by a CA that is not trusted here (issuer "etcd-test-ca")`,
				files.WrongCA + " holds other CAs: name the one that signed it with --cacert",
			},
			{
				"no client certificate", func(c *etcd.Config) { c.Cert, c.Key = "", "" }, problem.Denied,
				"reach etcd at ENDPOINT: the server wants a client certificate and none was given",
				"name one with --cert and --key",
			},
			{
				"client certificate of another CA", func(c *etcd.Config) { c.Cert, c.Key = files.WrongCert, files.WrongKey }, problem.Denied,
				"reach etcd at ENDPOINT: the server does not accept the client certificate " + files.WrongCert, rejected,
			},
			{
				"another name", func(c *etcd.Config) { c.TLSServerName = "etcd.example.com" }, problem.Unreachable,
				"reach etcd at ENDPOINT: its certificate is for localhost, 127.0.0.1, ::1, not for etcd.example.com",
				"use one of these names in --endpoints, or renew the certificate with this one",
			},
			{
				"plain http", func(c *etcd.Config) { c.Endpoints = []string{"http://" + hostOf(e.Members[0].ClientURL)} }, problem.Unreachable,
				"reach etcd at ENDPOINT: plain http was used but the server speaks TLS",
				"write https:// in --endpoints and name the CA with --cacert",
			},
		} {
			cfg := etcdSettings(t, e)
			c.change(&cfg)
			_, err := dialEtcd(t, cfg).Inspect(t.Context())
			t.Run(c.name, func(t *testing.T) { checkProblem(t, err, cfg.Endpoints[0], c.kind, c.headline, c.next) })
		}
		cfg := etcdSettings(t, e)
		cfg.Cert, cfg.Key = files.ExpiredCert, files.ExpiredKey
		_, err := dialEtcd(t, cfg).Inspect(t.Context())
		if p, ok := errors.AsType[*problem.Error](err); !ok || p.Kind != problem.Denied || p.Next != "renew it" {
			t.Errorf("expired client certificate: %v", err)
		}
	})
}

func hostOf(url string) string { return url[len("https://"):] }

func TestEachWrongAddressIsNamed(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{}, func(t *testing.T, e *server.Etcd) {
		plain := e.Members[0].ClientURL
		for _, c := range []struct {
			name, endpoint string
			headline, next string
		}{
			{
				"https to plain http", "https://" + plain[len("http://"):],
				"reach etcd at ENDPOINT: TLS was expected but the server speaks plain http",
				"write http:// in --endpoints, or turn TLS on in etcd",
			},
			{
				"the peer port", e.Members[0].PeerURL,
				"reach etcd at ENDPOINT: this is a peer port, at which the members of an etcd talk to each other",
				"use the client port: the cluster's client URLs are " + plain,
			},
		} {
			if c.endpoint == e.Members[0].PeerURL && e.Members[0].Version == "3.5" {
				continue // which answers clients there too
			}
			cfg := etcdSettings(t, e)
			cfg.Endpoints = []string{c.endpoint}
			_, err := dialEtcd(t, cfg).Inspect(t.Context())
			t.Run(c.name, func(t *testing.T) { checkProblem(t, err, c.endpoint, problem.Unreachable, c.headline, c.next) })
		}
		if err := e.KillMembers(); err != nil {
			t.Fatal(err)
		}
		_, err := dialEtcd(t, etcdSettings(t, e)).Inspect(t.Context())
		checkProblem(t, err, plain, problem.Unreachable, "reach etcd at ENDPOINT: connection refused: nothing listens there",
			"check that etcd runs, and that the endpoint has its client port (2379 unless changed, not 2380)")
	})
}

func TestEachWrongLoginIsNamed(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{Auth: true}, func(t *testing.T, e *server.Etcd) {
		fillEtcd(t, e, 1<<20)
		endpoint := e.Members[0].ClientURL
		login := func(user, password string) *etcd.Client {
			cfg := etcdSettings(t, e)
			cfg.Username, cfg.Password = user, etcd.Secret(password)
			return dialEtcd(t, cfg)
		}
		_, err := login("", "").Inspect(t.Context())
		checkProblem(t, err, endpoint, problem.Denied,
			"log in to etcd at ENDPOINT: authentication is enabled in this cluster and no user was given",
			"give a user with the role root: --user and a password, or a client certificate with its name")
		_, err = login("root", "wrong").Inspect(t.Context())
		checkProblem(t, err, endpoint, problem.Denied,
			"log in to etcd at ENDPOINT: the user root or the password is wrong", "check --user and the password")

		if _, err := servertest.EtcdClient(t, e).UserAdd(t.Context(), "reader", "secret"); err != nil {
			t.Fatal(err)
		}
		reader := login("reader", "secret")
		cluster := inspect(t, reader) // it may read nothing, which takes quorum to find out
		if !cluster.Quorum || cluster.Leader == 0 {
			t.Errorf("as a user without rights: %+v", cluster)
		}
		if e.Members[0].Version != "3.5" { // which asks for no more than a login
			_, err = reader.Snapshot(t.Context(), cluster.Members[0], etcd.StreamConfig{})
			checkProblem(t, err, endpoint, problem.Denied,
				"ask etcd at ENDPOINT: the user reader lacks the role root, which snapshots and hashes need",
				"etcdctl user grant-role USER root")
			if !errors.Is(err, rpctypes.ErrPermissionDenied) {
				t.Errorf("not in the chain: %v", err)
			}
		}

		root := dialEtcd(t, etcdSettings(t, e))
		cluster = inspect(t, root)
		mustReceive(t, root, cluster.Members[0])
		if h, err := root.HashKV(t.Context(), endpoint, cluster.Revision); err != nil || h.Hash == 0 {
			t.Errorf("hash %+v, %v", h, err)
		}
		if _, err := root.CompactRevision(t.Context(), endpoint); err != nil {
			t.Error(err)
		}
	})
}

// A login lasts five minutes unless etcd is told otherwise; a client that lives longer logs in again by itself.
func TestALoginThatHasExpiredIsRenewed(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Auth: true, NoFsync: true, ExtraArgs: []string{"--auth-token-ttl=1"}})
	c := dialEtcd(t, etcdSettings(t, e))
	inspect(t, c)
	for range 3 {
		<-time.After(1500 * time.Millisecond) // longer than the login lasts
		if cluster := inspect(t, c); !cluster.Quorum {
			t.Fatalf("got %+v", cluster)
		}
	}
	mustReceive(t, c, inspect(t, c).Members[0])
}
