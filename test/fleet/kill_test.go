package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// strikes at each sort of operation that make test does.
const sample = 1

const (
	askTimeout = 10 * time.Second
	// struckTimeout of an operation that was struck. An agent that was killed is back after five seconds, a machine after
	// a few; the rest is for a machine that is busy.
	struckTimeout = 12 * time.Minute
)

// markKey holds what tells the cluster before a restore from the one after it.
const markKey = "/a"

// arena is a fleet in which operations are struck.
type arena struct {
	*world
	ground    ground
	machines  string // in words, for the report
	watch     *strike.Watch
	namespace string
	saved     []string  // snapshots that hold "saved" under /a
	leader    *lab.Node // when the operation began
	changed   string    // under /a when it began
	round     int
	read      map[string]bool // copies whose bytes were found right
}

// TestWhateverIsStruckAtAnyStepTheEndIsOneOfThoseThatAreAllowed watches an operation undisturbed, takes from that where it
// can be struck, and strikes. HOLDFAST_STRIKE='SIGKILL of etcd' does all strikes whose names match this expression, HOLDFAST_SEED
// chooses others.
func TestWhateverIsStruckAtAnyStepTheEndIsOneOfThoseThatAreAllowed(t *testing.T) {
	t.Parallel()
	plainArena(t).strikes(t, sorts)
}

// The same strikes at both distributions. Each operation takes a minute there, so they are done when they are asked for, as a soak
// does.
func TestWhateverIsStruckOnADistributionTheEndIsOneOfThoseThatAreAllowed(t *testing.T) {
	t.Parallel()
	if os.Getenv("HOLDFAST_CASES") == "" && os.Getenv("HOLDFAST_STRIKE") == "" {
		return
	}
	for _, f := range []distro.Flavor{distro.K3s(), distro.RKE2()} {
		t.Run(f.Name, func(t *testing.T) { kubeArena(t, f).strikes(t, sorts) })
	}
}

// strikes does each sort of operation as often as it is struck, and once more.
func (a *arena) strikes(t *testing.T, sorts []sort) {
	for _, s := range sorts {
		t.Run(s.name, func(t *testing.T) {
			matrix := a.rehearse(t, s)
			if len(matrix) == 0 {
				t.Fatal("it has no steps")
			}
			chosen := choose(t, s.name, matrix)
			t.Logf("%d of %d strikes", len(chosen), len(matrix))
			for _, one := range chosen {
				if !t.Run(one.String(), func(t *testing.T) { a.struck(t, s, one) }) {
					a.recover(t)
				}
			}
		})
	}
}

func newArena(t *testing.T, w *world, g ground, machines string) *arena {
	t.Helper()
	servertest.Tool(t, "kubectl")
	a := &arena{world: w, ground: g, machines: machines, read: map[string]bool{}}
	c, err := a.Cluster(t.Context(), name)
	do(t, err)
	a.namespace = c.Namespace
	do(t, a.mark(t.Context(), a.Lab.Nodes[0], "saved"))
	a.saved = a.save(t)
	a.watch, err = strike.NewWatch(a.Lab.Nodes, g.server())
	do(t, err)
	t.Cleanup(func() { do(t, a.watch.Close()) })
	return a
}

// rehearse does an operation undisturbed and returns all strikes at it.
func (a *arena) rehearse(t *testing.T, s sort) []strike.Strike {
	t.Helper()
	var mu sync.Mutex
	var moments []strike.Moment
	a.run(t, s, func(_ context.Context, m strike.Moment) {
		mu.Lock()
		defer mu.Unlock()
		moments = append(moments, m)
	})
	return strike.Matrix(moments, a.leader.Name)
}

// struck does an operation and strikes it.
func (a *arena) struck(t *testing.T, s sort, one strike.Strike) {
	t.Attr("suite", "a "+s.name+" on "+a.machines)
	t.Attr("stage", fmt.Sprintf("%s %s, %s", one.Place.Kind, one.Place.At, one.Weapon))
	levels := strings.Split(t.Name(), "/")
	t.Attr("again", fmt.Sprintf("HOLDFAST_STRIKE='%s' go test ./fleet -count=1 -run '^%s$'",
		regexp.QuoteMeta(one.String())+"$", strings.Join(levels[:len(levels)-1], "$/^")))
	k := &striker{arena: a, strike: one}
	a.run(t, s, k.moment)
	if !k.came { // a plan that is made anew leaves steps out that it had begun
		t.Logf("it did not come to this place, led by %s; it came to:\n%s", a.leader.Name, strings.Join(k.seen, "\n"))
		k = &striker{arena: a, strike: one}
		a.run(t, s, k.moment)
	}
	do(t, k.mended())
	if !k.came {
		t.Fatal("it never came to this place")
	}
	if !k.hit {
		t.Attr("missed", "nothing was there to be struck")
	}
}

// run does an operation to its end, tells each moment of it, and judges what it leaves.
func (a *arena) run(t *testing.T, s sort, moment func(context.Context, strike.Moment)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), struckTimeout)
	defer cancel()
	a.round++
	a.changed = "changed " + strconv.Itoa(a.round)
	a.leader = a.leading(t)
	do(t, a.mark(ctx, a.leader, a.changed))
	writers := strike.StartWriters(ctx, a.ground, a.Lab.Nodes, markKey)
	defer writers.Stop()

	var mu sync.Mutex
	var o operation
	a.watch.Tell(func(m strike.Moment) {
		moment(ctx, m)
		mu.Lock() // it is being made while the first agents begin
		op := o
		mu.Unlock()
		if op != nil {
			op.moment(ctx, m)
		}
	})
	defer a.watch.Tell(nil)
	func() {
		mu.Lock()
		defer mu.Unlock()
		o = s.begin(t, a)
	}()
	if err := lab.Until(ctx, s.name+" to end", o.end); err != nil {
		t.Fatal(err)
	}
	t.Logf("it ended: %s", o)
	a.watch.Tell(nil)
	do(t, a.settle(ctx, writers, o))
}

// leading is the machine whose member leads.
func (a *arena) leading(t *testing.T) *lab.Node {
	t.Helper()
	var leader *lab.Node
	do(t, lab.Until(t.Context(), "a leader", func(ctx context.Context) error {
		for _, n := range a.Lab.Nodes {
			err := a.asked(ctx, n, func(ctx context.Context, cli *clientv3.Client) error {
				s, err := cli.Status(ctx, cli.Endpoints()[0])
				if err == nil && s.Leader == s.Header.MemberId {
					leader = n
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		if leader == nil {
			return fmt.Errorf("nobody leads")
		}
		return nil
	}))
	return leader
}

func (a *arena) node(name string) *lab.Node {
	i := slices.IndexFunc(a.Lab.Nodes, func(n *lab.Node) bool { return n.Name == name })
	return a.Lab.Nodes[i]
}

// others than the leader.
func (a *arena) others() []*lab.Node {
	return slices.DeleteFunc(slices.Clone(a.Lab.Nodes), func(n *lab.Node) bool { return n == a.leader })
}

// ready waits until the cluster and the manager's view of it are as in the beginning.
func (a *arena) ready(ctx context.Context) error {
	return errors.Join(a.ground.Ready(ctx), a.Ready(ctx, name, len(a.Lab.Nodes)))
}

// recover brings the fleet back after a strike at which something was wrong, so that the others are done, too.
func (a *arena) recover(t *testing.T) {
	t.Helper()
	a.watch.Tell(nil)
	for _, n := range a.Lab.Nodes {
		do(t, n.Start(t.Context()))
	}
	do(t, a.ready(t.Context()))
	if err := a.watch.Wrong(); err != nil {
		t.Logf("afterwards: %v", err)
	}
}

// choose takes the strikes that are asked for: those whose names match, of them share HOLDFAST_CASES of HOLDFAST_SHARES,
// which the soak asks for; if nothing is asked for, a few.
func choose(t *testing.T, sort string, all []strike.Strike) []strike.Strike {
	t.Helper()
	seed := seed(t)
	hash := fnv.New64a()
	hash.Write([]byte(sort))
	rand.New(rand.NewPCG(seed, hash.Sum64())).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	expression, cases := os.Getenv("HOLDFAST_STRIKE"), os.Getenv("HOLDFAST_CASES")
	wanted, err := regexp.Compile(expression)
	do(t, err)
	all = slices.DeleteFunc(all, func(s strike.Strike) bool { return !wanted.MatchString(s.String()) })
	switch {
	case cases == "" && expression != "":
		return all
	case cases == "":
		t.Logf("HOLDFAST_SEED=%d", seed)
		return all[:min(sample, len(all))]
	}
	first, _, _ := strings.Cut(cases, "-")
	share, err := strconv.Atoi(first)
	do(t, err)
	shares, err := strconv.Atoi(os.Getenv("HOLDFAST_SHARES"))
	do(t, err)
	var chosen []strike.Strike
	for i := share; i < len(all); i += shares {
		chosen = append(chosen, all[i])
	}
	return chosen
}

// seed follows from the commit: so each one is struck at other places, and the same one at the same.
func seed(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("HOLDFAST_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		do(t, err)
		return seed
	}
	id, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short=8", "HEAD").Output()
	if err != nil {
		return 1 // no repository
	}
	seed, err := strconv.ParseUint(strings.TrimSpace(string(id)), 16, 64)
	do(t, err)
	return seed
}
