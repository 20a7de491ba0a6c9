package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// linkFault is what happens to connections, whatever is said on them.
type linkFault struct {
	name string
	do   func(*testing.T, *server.Proxy)
}

func onBothWays(f server.Fault) func(*testing.T, *server.Proxy) {
	return func(t *testing.T, p *server.Proxy) {
		inject(t, p, map[server.Direction]server.Fault{server.ToServer: f, server.ToClient: f})
	}
}

func onOneWay(d server.Direction, f server.Fault) func(*testing.T, *server.Proxy) {
	return func(t *testing.T, p *server.Proxy) { inject(t, p, map[server.Direction]server.Fault{d: f}) }
}

func cut(t *testing.T, p *server.Proxy) {
	if err := p.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// noConnection are the ways not to come to a first word, in the order of a connection's life.
var noConnection = []linkFault{
	{"refused", cut},
	{"taken and never answered", onBothWays(server.Stall())},
	{"reset at once", onBothWays(server.ResetPeer(0))},
	{"ended at once", onOneWay(server.ToServer, server.LimitData(1))},
	{"ended in the handshake", onOneWay(server.ToClient, server.LimitData(100))},
}

// beginOver starts an errand over a link that may go wrong.
func beginOver(t *testing.T, n *network, e errand, proxy *server.Proxy) *attempt {
	t.Helper()
	a := &attempt{errand: e, place: n.place(t, e.snapshots), met: func() int { return 1 }, heal: func() { heal(t, proxy) }}
	a.start(a.place.through(proxy.Address, n.s3.CAFile))
	return a
}

// A repository that nobody can get through to is told so after some patience, and what passes in that time is not noticed.
func TestTroubleWithConnectionsToTheRepositoryIsGotOverOrTold(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, servertest.MinIO(t, server.S3Config{}).S3)
	toxiproxy := servertest.Toxiproxy(t)
	type try struct {
		name string
		*attempt
		proxy  *server.Proxy
		passes bool
	}
	var tries []try
	for _, f := range noConnection {
		passing := map[string]bool{"list": false, "restore": true}
		if soak() {
			passing["save"], passing["verify"] = false, true
		}
		for name, passes := range passing {
			proxy, err := toxiproxy.Proxy(t.Context(), n.s3.Address)
			if err != nil {
				t.Fatal(err)
			}
			f.do(t, proxy)
			a := beginOver(t, n, errandOf(t, name), proxy)
			tries = append(tries, try{fmt.Sprintf("%s/%s/passes=%v", f.name, name, passes), a, proxy, passes})
		}
	}
	<-time.After(3 * time.Second) // the moment is the test's input: nothing is waited for
	for _, x := range tries {
		if x.passes {
			heal(t, x.proxy)
		}
	}
	for _, x := range tries {
		t.Run(x.name, func(t *testing.T) {
			only(t, "network connections")
			o := x.end(t)
			if x.passes && o.code != 0 {
				t.Error(o)
			}
			if !x.passes {
				checkFails(t, o, 6, "the repository does not answer", "check the endpoint's host and port")
			}
			x.after(o)
		})
	}
}

func TestAHostThatDoesNotExistIsTold(t *testing.T) {
	u := newUser(t, "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret")
	o := u.run("repo", "ls", "--repo=s3://backups/prod", "--s3-endpoint=no-such-host.invalid:9000", "--s3-region="+server.Region)
	checkFails(t, o, 6, "the repository does not answer", "no-such-host.invalid", "name resolution")
}

// What is bad, and not dead, only takes longer.
func TestABadLinkToTheRepositoryIsGotOver(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, servertest.MinIO(t, server.S3Config{}).S3)
	for _, c := range []struct {
		errand string
		fault  linkFault
	}{
		{"save", linkFault{"slow", onBothWays(server.Bandwidth(4 << 10))}},
		{"restore", linkFault{"slow", onBothWays(server.Bandwidth(4 << 10))}},
		{"save", linkFault{"far away", onBothWays(server.Latency(50*time.Millisecond, 10*time.Millisecond))}},
		// Less than a part or a chunk: each connection brings the restore further. Uploads need room for a part.
		{"restore", linkFault{"each connection ends after 1 MiB", onOneWay(server.ToClient, server.LimitData(1<<20))}},
		{"verify", linkFault{"each connection ends after 1 MiB", onOneWay(server.ToClient, server.LimitData(1<<20))}},
		{"save", linkFault{"each connection ends after 9 MiB", onOneWay(server.ToServer, server.LimitData(9<<20))}},
		{"prune", linkFault{"each connection ends after 16 KiB", onBothWays(server.LimitData(16 << 10))}},
	} {
		t.Run(c.errand+"/"+c.fault.name, func(t *testing.T) {
			t.Parallel()
			proxy := servertest.Proxy(t, n.s3.Address)
			c.fault.do(t, proxy)
			getsOver(t, beginOver(t, n, errandOf(t, c.errand), proxy))
		})
	}
}

func TestTroubleWithConnectionsToEtcdIsTold(t *testing.T) {
	t.Parallel()
	e := servertest.Etcd(t, server.EtcdConfig{TLS: true, NoFsync: true})
	fillEtcd(t, e, 1<<20)
	u, err := url.Parse(e.Members[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	files := e.TLS()
	for _, f := range noConnection {
		for _, command := range []string{"status", "save"} {
			t.Run(f.name+"/"+command, func(t *testing.T) {
				t.Parallel()
				proxy := servertest.Proxy(t, u.Host)
				f.do(t, proxy)
				repo, dir := newShelf(t)
				args := []string{"etcd", command, "--endpoints=https://" + proxy.Address, "--cacert=" + files.CA, "--cert=" + files.Cert, "--key=" + files.Key}
				if command == "save" {
					args = repo.args(append(args, "--min-free=0", "--verify=content")...)
				}
				o := repo.u.run(args...)
				checkFails(t, o, 6, "reach etcd at https://"+proxy.Address, "\n  next: ")
				heal(t, proxy)
				if again := repo.u.run(args...); again.code != 0 {
					t.Errorf("second try: %s", again)
				}
				if command == "save" {
					checkSaved(t, repo, dir, 1)
				}
			})
		}
	}
}

// One member of three that cannot be reached is no reason not to save.
func TestAMemberThatCannotBeReachedIsPassedOver(t *testing.T) {
	t.Parallel()
	s, faults := newSlowed(t, 3), noConnection[1:2]
	if soak() {
		faults = noConnection
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			proxy := s.proxies[s.Members[0].Name]
			f.do(t, proxy)
			defer heal(t, proxy)
			repo, dir := newShelf(t)
			m := ask[saved](repo.u, repo.args(slices.Concat([]string{"etcd", "save", "--min-free=0", "--verify=content"}, s.flags)...)...)
			if m.Source.Endpoint == "http://"+proxy.Address {
				t.Errorf("it was saved from %s, which cannot be reached", m.Source.Endpoint)
			}
			checkSaved(t, repo, dir, 1)
		})
	}
}

// A stream that breaks is told, leaves nothing, and is never a short success. The next member is asked in
// TestTheNextMemberIsAskedWhenOneFailsDuringASave; here there is none.
func TestAStreamThatBreaksIsTold(t *testing.T) {
	t.Parallel()
	faults, encodings := []linkFault{
		{"reset", onOneWay(server.ToClient, server.ResetPeer(0))},
		{"ended after some bytes", onOneWay(server.ToClient, server.LimitData(1<<20))},
		{"silent", onOneWay(server.ToClient, server.Stall())},
	}, []string{"zstd"}
	if soak() {
		encodings = append(encodings, "none")
		faults = append(faults, linkFault{"ended after a silence", onOneWay(server.ToClient, server.Timeout(500*time.Millisecond))})
	}
	s := newSlowed(t, 1)
	for _, f := range faults {
		for _, compress := range encodings {
			t.Run(f.name+"/"+compress, func(t *testing.T) {
				repo, dir := newShelf(t)
				o := s.during(t, repo, func(m *server.Member) { f.do(t, s.proxies[m.Name]) }, "--compress="+compress)
				checkFails(t, o, 6, "\n  next: ") // by then the member may not be reachable at all, which says more
				checkSaved(t, repo, dir, 0)
				again := slices.Concat([]string{"etcd", "save", "--verify=content", "--min-free=0", "--compress=" + compress}, s.flags)
				if o := repo.u.run(repo.args(again...)...); o.code != 0 {
					t.Errorf("second try: %s", o)
				}
				checkSaved(t, repo, dir, 1)
			})
		}
	}
}

// A member that is no longer heard may have sent everything before it had to wait for an answer: then the snapshot is
// whole, else there is none.
func TestAMemberThatHearsNothingMoreHasSentAWholeSnapshotOrNone(t *testing.T) {
	t.Parallel()
	s := newSlowed(t, 1)
	repo, dir := newShelf(t)
	o := s.during(t, repo, func(m *server.Member) {
		onOneWay(server.ToServer, server.Stall())(t, s.proxies[m.Name])
	})
	want := 1
	if o.code != 0 {
		checkFails(t, o, 6, "\n  next: ")
		want = 0
	}
	checkSaved(t, repo, dir, want)
}
