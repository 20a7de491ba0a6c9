package agent

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// parted is a member that keeps its cluster up, and a machine with an etcd of its own that is to become a member of it.
func parted(t *testing.T) (keeper, joiner *etcdtest.Machine, a *Agent, r *LocalRejoin) {
	t.Helper()
	keeper, joiner = etcdtest.Named(t, "m1"), etcdtest.Named(t, "m2")
	keeper.Start(t)
	joiner.Start(t)
	keeper.Put(t, "a", "new")
	joiner.Put(t, "a", "old")
	a = local(t, joiner, "")
	return keeper, joiner, a, &LocalRejoin{Endpoints: []string{keeper.Client}, Timeout: time.Minute}
}

func wantTogether(t *testing.T, keeper, joiner *etcdtest.Machine) {
	t.Helper()
	if diff := cmp.Diff([]string{"m1", "m2"}, keeper.Members(t)); diff != "" {
		t.Errorf("members: %s", diff)
	}
	joiner.Want(t, "a", "new")
	joiner.Put(t, "b", "both")
	keeper.Want(t, "b", "both")
}

func TestAMachineRejoinsItsClusterWithoutAManager(t *testing.T) {
	keeper, joiner, a, r := parted(t)
	r.Epoch = 2
	text, err := r.Plan(t.Context(), a.cfg)
	if err != nil || !strings.Contains(strings.Join(text, "\n"), "is moved aside to "+joiner.Data+".holdfast-rejoin-") {
		t.Errorf("%v, %q", err, text)
	}
	joiner.Want(t, "a", "old")
	var out bytes.Buffer
	if err := r.Run(t.Context(), a.cfg, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	wantTogether(t, keeper, joiner)
	for _, want := range []string{"StopDistro: Done it ran", "Commit: Done epoch 2", "PromoteMember: Done member ", "WaitHealthy-vote: Done 2 members"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if aside, _ := filepath.Glob(joiner.Data + ".holdfast-rejoin-*/member/snap/db"); len(aside) != 1 {
		t.Errorf("the old data: %v", aside)
	}
	if e, err := restoring.ReadEpoch(joiner.State); err != nil || e.Epoch != 2 {
		t.Errorf("epoch %+v, %v", e, err)
	}
	if err := r.Run(t.Context(), a.cfg, &out); problem.KindOf(err) != problem.Refused || !strings.Contains(err.Error(), "healthy") {
		t.Errorf("a healthy member: %v", err)
	}
}

func TestARejoinThatFailsBringsTheOldDataBack(t *testing.T) {
	keeper, joiner, a, r := parted(t)
	a.cfg.Supervise.Command = append(a.cfg.Supervise.Command, "--no-such-flag")
	r.Timeout = 5 * time.Second
	var out bytes.Buffer
	err := r.Run(t.Context(), a.cfg, &out)
	if problem.KindOf(err) != problem.Failed || !strings.Contains(err.Error(), "WaitHealthy") {
		t.Fatalf("got %v\n%s", err, out.String())
	}
	if diff := cmp.Diff([]string{"m1"}, keeper.Members(t)); diff != "" {
		t.Errorf("members: %s", diff)
	}
	etcdtest.Eventually(t, "the etcd that knows no such flag is over", func() error {
		running, err := joiner.Driver().Running(t.Context())
		if err == nil && running {
			err = errors.New("it runs")
		}
		return err
	})
	joiner.Start(t)
	joiner.Want(t, "a", "old")
	if busy, err := a.busy(); err != nil || busy {
		t.Errorf("busy %v, %v", busy, err)
	}
}

// Whoever types the command may lose the connection at any moment.
func TestARejoinThatIsCutAnywhereIsFinishedByRunningItAgain(t *testing.T) {
	for range rounds(t) {
		keeper, joiner, a, r := parted(t)
		for tries := 0; ; tries++ {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if tries < 3 {
				ctx, cancel = context.WithTimeout(t.Context(), rand.N(2*time.Second))
			}
			err := r.Run(ctx, a.cfg, new(bytes.Buffer))
			cut := ctx.Err() != nil
			cancel()
			if err == nil || problem.KindOf(err) == problem.Refused {
				break // done, now or in an earlier try that was cut too late
			}
			if !cut {
				t.Fatal(err)
			}
		}
		wantTogether(t, keeper, joiner)
	}
}

func TestARejoinThatWasCutIsTakenBackOnRequest(t *testing.T) {
	for range rounds(t) {
		keeper, joiner, a, r := parted(t)
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(500*time.Millisecond))
		err := r.Run(ctx, a.cfg, new(bytes.Buffer))
		cancel()
		busy, busyErr := a.busy()
		if busyErr != nil {
			t.Fatal(busyErr)
		}
		if err == nil || !busy {
			continue // it was cut before it did anything, or after its commit
		}
		if err := Undo(t.Context(), a.cfg, new(bytes.Buffer)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"m1"}, keeper.Members(t)); diff != "" {
			t.Errorf("members: %s", diff)
		}
		joiner.Want(t, "a", "old")
	}
}

func TestALearnerIsGivenItsVoteByRunningItAgain(t *testing.T) {
	keeper, joiner, a, r := parted(t)
	_, plan, err := r.prepare(t.Context(), a.cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := a.localRun(plan.MachinePlanSpec, new(bytes.Buffer))
	if _, err := l.forward(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.joining(plan, l); err != nil {
		t.Fatal(err)
	}
	if bad, err := l.forward(t.Context()); err != nil || bad != nil {
		t.Fatal(bad, err)
	}
	if diff := cmp.Diff([]string{"m1", "m2?"}, keeper.Members(t)); diff != "" {
		t.Errorf("members: %s", diff)
	}
	if err := Undo(t.Context(), a.cfg, new(bytes.Buffer)); err == nil {
		t.Error("what is committed was taken back")
	}
	if err := r.Run(t.Context(), a.cfg, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	wantTogether(t, keeper, joiner)
}

// rounds of a test that cuts: see there.
func rounds(t *testing.T) int {
	if testing.Short() || os.Getenv("CI") == "" {
		return 2
	}
	return 6
}

func TestAMemberIsReplacedOnlyWhereTheOthersAreAHealthyMajority(t *testing.T) {
	up := func(id uint64, name, peer string) etcd.Member {
		return etcd.Member{ID: id, Name: name, PeerURLs: []string{peer}, Endpoint: "at-" + name, Status: &etcd.Status{}}
	}
	down := func(id uint64, name, peer string) etcd.Member {
		return etcd.Member{ID: id, Name: name, PeerURLs: []string{peer}}
	}
	slow := up(3, "c", "p3")
	slow.ReadErr = errors.New("no quorum")
	inst := &distro.Installation{Member: "a", PeerURLs: []string{"p1"}}
	for name, tt := range map[string]struct {
		members []etcd.Member
		remove  []uint64
		refused string
	}{
		"its own entry goes":                  {[]etcd.Member{down(1, "a", "p1"), up(2, "b", "p2"), up(3, "c", "p3")}, []uint64{1}, ""},
		"an entry that never started goes":    {[]etcd.Member{down(1, "", "p1"), up(2, "b", "p2"), up(3, "c", "p3")}, []uint64{1}, ""},
		"a lost one of its name goes":         {[]etcd.Member{down(1, "a", "p9"), up(2, "b", "p2"), up(3, "c", "p3")}, []uint64{1}, ""},
		"a machine that is new takes nothing": {[]etcd.Member{up(2, "b", "p2"), up(3, "c", "p3")}, nil, ""},
		"another one of its name stays":       {[]etcd.Member{up(1, "a", "p9"), up(2, "b", "p2"), up(3, "c", "p3")}, nil, "two can't have one name"},
		"one of three is no majority":         {[]etcd.Member{down(1, "a", "p1"), up(2, "b", "p2"), down(3, "c", "p3")}, nil, "no majority"},
		"one that can't read does not count":  {[]etcd.Member{down(1, "a", "p1"), up(2, "b", "p2"), slow}, nil, "no majority"},
		"it alone is no majority without it":  {[]etcd.Member{up(1, "a", "p1")}, nil, "no majority"},
	} {
		t.Run(name, func(t *testing.T) {
			gone, err := replaced(etcd.Cluster{ID: 1, Members: tt.members}, inst)
			if tt.refused != "" {
				if problem.KindOf(err) != problem.Refused || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("got %v", err)
				}
				return
			}
			var ids []uint64
			for _, m := range gone {
				ids = append(ids, m.ID)
			}
			if diff := cmp.Diff(tt.remove, ids); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}
