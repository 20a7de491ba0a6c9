package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestWithoutQuorumOnlySalvageTakesASnapshot(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{Members: 3}, func(t *testing.T, e *server.Etcd) {
		fillEtcd(t, e, 1<<20)
		c := dialEtcd(t, etcdSettings(t, e))
		healthy := inspect(t, c)
		survivor := e.Members[1]
		for _, m := range []*server.Member{e.Members[0], e.Members[2]} {
			if err := m.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		awaitNoLeader(t, survivor)
		cluster := inspect(t, c)
		const refused = "connection refused: nothing listens there"
		for i, m := range cluster.Members {
			if m.ID != healthy.Members[i].ID || m.Answers() != (m.Name == survivor.Name) {
				t.Errorf("%s: id %x, answers %v", m.Name, m.ID, m.Answers())
			}
			if !m.Answers() && !strings.Contains(m.Err.Error(), refused) {
				t.Errorf("%s: %v", m.Name, m.Err)
			}
		}
		_, err := etcd.Choose(cluster, etcd.Options{})
		checkProblem(t, err, "", problem.Refused, "choose a member to save from: the cluster has no quorum "+
			"(m1: it does not answer: "+refused+"; m2: it has no leader; m3: it does not answer: "+refused+")",
			"bring the members back, or save from what is left with --salvage")
		choice, err := etcd.Choose(cluster, etcd.Options{Salvage: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(choice.Candidates) != 1 || choice.Candidates[0].Name != survivor.Name || !choice.Flags.Salvaged {
			t.Fatalf("got %+v", choice)
		}
		mustReceive(t, c, choice.Candidates[0])
	})
}

// awaitNoLeader waits until a member has noticed that it is alone.
func awaitNoLeader(t *testing.T, m *server.Member) {
	t.Helper()
	cli, err := m.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	eventually(t, m.Name+" has no leader", func() bool {
		st, err := cli.Status(t.Context(), m.ClientURL)
		if err != nil {
			t.Fatal(err)
		}
		return st.Leader == 0
	})
}

func TestOneMemberDownIsARowAndNotAnError(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{Members: 3, TLS: true, NoFsync: true})
	c := dialEtcd(t, etcdSettings(t, e))
	if err := e.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	var cluster etcd.Cluster
	eventually(t, "the others have a leader", func() bool {
		cluster = inspect(t, c)
		return cluster.Leader != 0
	})
	choice, err := etcd.Choose(cluster, etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(choice.Candidates) != 2 || choice.Candidates[1].ID != cluster.Leader || len(choice.Skipped) != 1 || choice.Skipped[0].Member.Name != "m1" {
		t.Errorf("got %+v", choice)
	}
	checkProblem(t, cluster.Members[0].Err, e.Members[0].ClientURL, problem.Unreachable,
		"reach etcd at ENDPOINT: connection refused: nothing listens there",
		"check that etcd runs, and that the endpoint has its client port (2379 unless changed, not 2380)")

	// The same client sees the member again when it is back.
	if err := e.Members[0].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if back := inspect(t, c).Members[0]; !back.Answers() || back.ReadErr != nil {
		t.Errorf("after its return: %v, %v", back.Err, back.ReadErr)
	}
}

func TestALearnerIsNeverChosen(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{}, func(t *testing.T, e *server.Etcd) {
		fillEtcd(t, e, 1<<20)
		learner, err := e.AddLearner(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cfg := etcdSettings(t, e)
		choice, err := etcd.Choose(inspect(t, dialEtcd(t, cfg)), etcd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(choice.Candidates) != 1 || choice.Candidates[0].Name != "m1" || len(choice.Skipped) != 1 || choice.Skipped[0].Reason != "it is a learner" {
			t.Errorf("got %+v", choice)
		}

		cfg.Endpoints = []string{learner.ClientURL}
		c := dialEtcd(t, cfg)
		alone := inspect(t, c)
		_, err = etcd.Choose(alone, etcd.Options{})
		checkProblem(t, err, learner.ClientURL, problem.Refused,
			"choose a member to save from: the cluster has no quorum (ENDPOINT: it is a learner)",
			"bring the members back, or save from what is left with --salvage")
		// By hand it is better than nothing.
		choice, err = etcd.Choose(alone, etcd.Options{Salvage: true})
		if err != nil {
			t.Fatal(err)
		}
		mustReceive(t, c, choice.Candidates[0])
	})
}

func TestAFullDatabaseIsSavedAndFlagged(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{QuotaBytes: 2 << 20}, func(t *testing.T, e *server.Etcd) {
		cli := servertest.EtcdClient(t, e)
		value := strings.Repeat("x", 256<<10)
		var err error
		for i := 0; err == nil && i < 100; i++ {
			_, err = cli.Put(t.Context(), fmt.Sprintf("key-%d", i), value)
		}
		if !errors.Is(err, rpctypes.ErrNoSpace) {
			t.Fatalf("the quota was never reached: %v", err)
		}
		c := dialEtcd(t, etcdSettings(t, e))
		cluster := inspect(t, c)
		choice, err := etcd.Choose(cluster, etcd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if choice.Flags != (etcd.Flags{NoSpace: true}) || len(cluster.Alarms) != 1 || cluster.Alarms[0].Member != cluster.Members[0].ID {
			t.Errorf("flags %+v, alarms %+v", choice.Flags, cluster.Alarms)
		}
		mustReceive(t, c, choice.Candidates[0])
	})
}

func TestACorruptMemberComesLastAndItsClusterIsSuspect(t *testing.T) {
	onEachVersion(t, server.EtcdConfig{Members: 3}, func(t *testing.T, e *server.Etcd) {
		c := dialEtcd(t, etcdSettings(t, e))
		cluster := inspect(t, c)
		follower := cluster.Members[0]
		if follower.ID == cluster.Leader {
			follower = cluster.Members[1]
		}
		raise(t, servertest.EtcdClient(t, e), follower.ID, pb.AlarmType_CORRUPT)
		cluster = inspect(t, c)
		choice, err := etcd.Choose(cluster, etcd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(choice.Candidates) != 3 || choice.Candidates[2].ID != follower.ID || choice.Candidates[1].ID != cluster.Leader {
			t.Errorf("order: %+v", choice.Candidates)
		}
		if choice.Flags != (etcd.Flags{Suspect: true}) {
			t.Errorf("flags %+v, alarms %+v", choice.Flags, cluster.Alarms)
		}
		// Without quorum nobody can be asked for alarms; the members' own word is enough.
		for _, m := range e.Members[1:] {
			if err := m.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		awaitNoLeader(t, e.Members[0])
		cluster = inspect(t, c)
		if !cluster.HasAlarm(etcd.Corrupt) {
			t.Errorf("without quorum: alarms %+v", cluster.Alarms)
		}
	})
}

// raise makes etcd believe that a member has raised an alarm.
func raise(t *testing.T, cli *clientv3.Client, member uint64, alarm pb.AlarmType) {
	t.Helper()
	_, err := pb.NewMaintenanceClient(cli.ActiveConnection()).Alarm(t.Context(), &pb.AlarmRequest{
		Action: pb.AlarmRequest_ACTIVATE, MemberID: member, Alarm: alarm,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEndpointsOfTwoClustersAreRefused(t *testing.T) {
	a := servertest.Etcd(t, server.EtcdConfig{NoFsync: true, Token: "a"})
	b := servertest.Etcd(t, server.EtcdConfig{NoFsync: true, Token: "b"})
	cfg := etcdSettings(t, a)
	cfg.Endpoints = append(cfg.Endpoints, b.Endpoints()...)
	_, err := dialEtcd(t, cfg).Inspect(t.Context())
	if problem.KindOf(err) != problem.Refused || !strings.Contains(err.Error(), "the endpoints belong to different clusters: ") {
		t.Errorf("got %v", err)
	}
}

func TestGivingUpEndsAnInspection(t *testing.T) {
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dialEtcd(t, etcdSettings(t, e)).Inspect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
