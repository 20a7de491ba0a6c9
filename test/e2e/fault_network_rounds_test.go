package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// atOnce is how many errands one round of the network suite tries at a time: they mostly wait.
const atOnce = 4

// fray is an errand in trouble that chance has chosen.
type fray struct {
	*attempt
	what string
	// passes: the trouble is over long before the program's patience. toEtcd: it is with etcd, which is not asked again.
	passes, toEtcd bool
}

// Any errand, with any trouble, at any moment, which passes or stays.
func TestTroubleOnTheNetworkIsGotOverOrEndsClean(t *testing.T) {
	n := newNetwork(t, servertest.MinIO(t, server.S3Config{}).S3)
	toxiproxy := servertest.Toxiproxy(t)
	u, err := url.Parse(n.etcd.Members[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	over := func(t *testing.T, upstream string) *server.Proxy {
		proxy, err := toxiproxy.Proxy(t.Context(), upstream)
		if err != nil {
			t.Fatal(err)
		}
		return proxy
	}
	rounds(t, "network", 1, func(t *testing.T, r *rand.Rand) {
		frays := make([]fray, atOnce)
		for i := range frays {
			e := errands()[r.IntN(len(errands()))]
			switch r.IntN(4) {
			case 0, 1:
				frays[i] = n.frayRequests(t, r, e)
			case 2:
				frays[i] = n.frayLink(t, r, e, over(t, n.s3.Address))
			default:
				frays[i] = n.frayEtcd(t, r, over(t, u.Host))
			}
		}
		met := false
		for _, f := range frays {
			met = f.check(t) || met
		}
		struck(t, "network", !met)
	})
}

// check waits for the end and looks at what is left.
func (f fray) check(t *testing.T) (met bool) {
	t.Helper()
	o, met := f.endOrMiss(t)
	t.Logf("%s: exit code %d, met %v", f.what, o.code, met)
	switch {
	case o.code == 0, o.code == 6 && (f.toEtcd || !f.passes):
	case f.passes && !f.toEtcd:
		t.Errorf("%s: it passed, and was not got over: %s", f.what, o)
	default:
		t.Errorf("%s: %s", f.what, o)
	}
	f.after(o)
	return met
}

// frayRequests has some request to the repository go wrong, or all from that one on.
func (n *network) frayRequests(t *testing.T, r *rand.Rand, e errand) fray {
	t.Helper()
	troubles := []s3Trouble{reset, cutOff, resetHalf, closedHalf, lost, halved, refused, misnamed, busyPage}
	if soak() { // each of these costs a minute
		troubles = append(troubles, hangs, hangsHalf, answerHang)
	}
	trouble, first, passes := troubles[r.IntN(len(troubles))], r.IntN(12), !soak() || r.IntN(3) > 0
	// A read whose connections each bring a few bytes before they hang goes on, however long that takes.
	passes = passes || trouble == answerHang
	front, caFile := newS3TLSFront(t, n.s3)
	count := 0
	front.breaksRequests(func(*http.Request) s3Trouble {
		if count++; count <= first || passes && count > first+1 {
			return fine
		}
		return trouble
	})
	a := &attempt{errand: e, place: n.place(t, e.snapshots), met: front.meetings}
	a.heal = func() { front.breaksRequests(nil) }
	a.start(a.place.through(front.address, caFile))
	return fray{attempt: a, passes: passes, what: fmt.Sprintf("%s: request %d and the next, passes %v: %s", e.name, first+1, passes, trouble)}
}

// weather are troubles with connections, and what to do for them to be over.
func weather(r *rand.Rand) linkFault {
	all := []linkFault{
		{"reset", onBothWays(server.ResetPeer(0))},
		{"ended after a silence", onBothWays(server.Timeout(time.Duration(r.IntN(500)) * time.Millisecond))},
		{"limit", onBothWays(server.LimitData(r.Int64N(3 << 20)))},
		{"crawl", onBothWays(server.Bandwidth(1 + r.IntN(300)))},
		{"latency", onBothWays(server.Latency(time.Duration(r.IntN(200))*time.Millisecond, 20*time.Millisecond))},
	}
	if soak() {
		all = append(all, linkFault{"silence", onBothWays(server.Stall())},
			linkFault{"nothing comes back", onOneWay(server.ToClient, server.Stall())},
			linkFault{"nothing goes out", onOneWay(server.ToServer, server.Stall())})
	}
	return all[r.IntN(len(all))]
}

// strike has the weather change some time after the errand has begun, and change back, unless it ends before.
func (a *attempt) strike(t *testing.T, r *rand.Rand, proxy *server.Proxy, f linkFault, within time.Duration) (what string, passes bool) {
	t.Helper()
	after, lasts, passes := time.Duration(r.Int64N(int64(within))), time.Duration(r.Int64N(int64(2*time.Second))), !soak() || r.IntN(3) > 0
	for _, next := range []struct {
		wait time.Duration
		then func()
		skip bool
	}{{after, func() { f.do(t, proxy) }, false}, {lasts, func() { heal(t, proxy) }, !passes}} {
		if next.skip {
			break
		}
		select {
		case <-time.After(next.wait): // the moment is the test's input: nothing is waited for
			next.then()
		case <-a.ended:
		}
	}
	return fmt.Sprintf("%s: %s after %s for %s, passes %v", a.name, f.name, after, lasts, passes), passes
}

// frayLink is trouble with the connections to the repository. The line is slow, so that there is time for something.
func (n *network) frayLink(t *testing.T, r *rand.Rand, e errand, proxy *server.Proxy) fray {
	t.Helper()
	onBothWays(server.Bandwidth(24<<10))(t, proxy)
	a := beginOver(t, n, e, proxy)
	what, passes := a.strike(t, r, proxy, weather(r), 1500*time.Millisecond)
	return fray{attempt: a, passes: passes, what: "repository, " + what}
}

// frayEtcd is trouble with the connection to etcd during a save.
func (n *network) frayEtcd(t *testing.T, r *rand.Rand, proxy *server.Proxy) fray {
	t.Helper()
	onOneWay(server.ToClient, server.Bandwidth(12<<10))(t, proxy)
	e := errandOf(t, "save")
	a := &attempt{errand: e, place: n.place(t, 0), met: func() int { return 1 }, heal: func() { heal(t, proxy) }}
	s := a.place.shelf
	args := append(saveErrand("--compress=none", "--verify=content")(a.place), "--stall-timeout=5s")
	for i, flag := range args {
		if strings.HasPrefix(flag, "--endpoints=") {
			args[i] = "--endpoints=http://" + proxy.Address
		}
	}
	a.running = s.u.start(s.args(args...)...)
	what, passes := a.strike(t, r, proxy, weather(r), time.Second)
	return fray{attempt: a, passes: passes, toEtcd: true, what: "etcd, " + what}
}
