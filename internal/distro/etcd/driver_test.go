package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd"
)

// The test binary is its own etcd.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "etcd" {
		etcdmain.Main(os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// address is one that nothing listens on at present.
func address(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

type machine struct {
	state, data string
	command     []string
}

func newMachine(t *testing.T) *machine {
	m := &machine{state: t.TempDir(), data: filepath.Join(t.TempDir(), "data")}
	client, peer := address(t), address(t)
	m.command = []string{os.Args[0], "etcd", "--name=m1", "--data-dir", m.data, "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=m1=" + peer, "--log-level=warn"}
	t.Cleanup(func() {
		if err := m.driver().Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// driver is a new one, as after a restart of the agent.
func (m *machine) driver() *etcd.Driver {
	return etcd.New(etcd.Config{StateDir: m.state, Supervisor: etcd.NewSupervisor(etcd.SupervisorConfig{
		Command: m.command, StateDir: m.state, Log: slog.New(slog.DiscardHandler),
	})})
}

func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func running(t *testing.T, d *etcd.Driver) bool {
	t.Helper()
	alive, err := d.Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return alive
}

func TestASupervisedEtcdIsStartedFoundAgainSavedAndStopped(t *testing.T) {
	m := newMachine(t)
	if err := m.driver().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := m.driver()
	inst, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if inst.DataDir != m.data || inst.Member != "m1" || len(inst.PeerURLs) != 1 {
		t.Fatalf("found %+v", inst)
	}
	eventually(t, "the member answers", func() error {
		member, err := distro.Look(t.Context(), inst.Client)
		if err == nil && (member.Role != "leader" || member.Name != "m1" || len(member.Members) != 1) {
			err = fmt.Errorf("it says %+v", member)
		}
		return err
	})
	store, err := local.New(local.Config{Dir: filepath.Join(m.state, "snapshots"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := d.Save(t.Context(), distro.SaveConfig{
		Store: store, ClusterID: "c-abcde", Base: "on-demand", Node: "n1", Trigger: snapshot.TriggerManual, Encoding: snapshot.EncodingRaw,
		Verify: snapshot.LevelContent, SpoolDir: m.state, Tool: "test", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Proved() != snapshot.LevelContent {
		t.Errorf("proved %q", manifest.Proved())
	}
	if !running(t, d) {
		t.Fatal("a new driver does not see that it runs")
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(t, d) {
		t.Error("it runs after Stop")
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
}

func TestAFencedEtcdIsNotStartedByAnybody(t *testing.T) {
	m := newMachine(t)
	d := m.driver()
	for range 2 { // twice, as after a crash
		if err := d.Fence(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.driver().Start(t.Context()); !errors.Is(err, distro.ErrFenced) {
		t.Fatalf("got %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	supervisor := etcd.NewSupervisor(etcd.SupervisorConfig{Command: m.command, StateDir: m.state, Log: slog.New(slog.DiscardHandler)})
	go func() {
		defer close(ended)
		_ = supervisor.Run(ctx)
	}()
	if running(t, d) {
		t.Error("it runs behind the fence")
	}
	for range 2 {
		if err := d.Unfence(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the supervisor starts it", func() error {
		if !running(t, d) {
			return errors.New("it does not run")
		}
		return nil
	})
	stop()
	<-ended
	if !running(t, d) {
		t.Error("it ended with its supervisor")
	}
}
