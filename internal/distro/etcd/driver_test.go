package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

func running(t *testing.T, d *etcd.Driver) bool {
	t.Helper()
	alive, err := d.Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return alive
}

func save(t *testing.T, d *etcd.Driver, m *etcdtest.Machine) (*snapshot.Manifest, error) {
	store, err := local.New(local.Config{Dir: filepath.Join(m.State, "snapshots"), Create: true})
	if err != nil {
		return nil, err
	}
	return d.Save(t.Context(), distro.SaveConfig{
		Store: store, ClusterID: "c-abcde", Base: "on-demand", Node: "n1", Trigger: snapshot.TriggerManual, Encoding: snapshot.EncodingRaw,
		Verify: snapshot.LevelContent, SpoolDir: m.State, Tool: "test", Log: slog.New(slog.DiscardHandler),
	})
}

// An etcd that died is back in a second or two, and an election takes no longer.
func TestASaveWaitsAMomentForAnEtcdThatIsNotThere(t *testing.T) {
	m := etcdtest.New(t)
	listener, err := net.Listen("tcp", strings.TrimPrefix(m.Client, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	saved := make(chan error, 1)
	go func() {
		_, err := save(t, m.Driver(), m)
		saved <- err
	}()
	asked, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// Nobody is there to answer.
	if err := errors.Join(asked.Close(), listener.Close()); err != nil {
		t.Fatal(err)
	}
	m.Start(t)
	if err := <-saved; err != nil {
		t.Errorf("it gave up: %v", err)
	}
}

func TestASupervisedEtcdIsStartedFoundAgainSavedAndStopped(t *testing.T) {
	m := etcdtest.New(t)
	if err := m.Driver().Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := m.Driver()
	inst, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if inst.DataDir != m.Data || inst.Member != "m1" || len(inst.PeerURLs) != 1 {
		t.Fatalf("found %+v", inst)
	}
	etcdtest.Eventually(t, "the member answers", func() error {
		member, err := distro.Look(t.Context(), inst.Client)
		if err == nil && (member.Role != "leader" || member.Name != "m1" || len(member.Members) != 1) {
			err = fmt.Errorf("it says %+v", member)
		}
		return err
	})
	manifest, err := save(t, d, m)
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
	m := etcdtest.New(t)
	d := m.Driver()
	for range 2 { // twice, as after a crash
		if err := d.Fence(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Driver().Start(t.Context()); !errors.Is(err, distro.ErrFenced) {
		t.Fatalf("got %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	supervisor := m.Supervisor()
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
	etcdtest.Eventually(t, "the supervisor starts it", func() error {
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

// A relative path, or one through a link, must lead a second process to the same child: it would start another etcd.
func TestTheChildIsFoundHoweverItsDirectoryIsNamed(t *testing.T) {
	m := etcdtest.New(t)
	m.Start(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(m.State, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(m.State))
	for _, dir := range []string{filepath.Base(m.State), link} {
		other := *m
		other.State = dir
		if !running(t, other.Driver()) {
			t.Errorf("%s: the child is not found", dir)
		}
	}
}

func TestAnEtcdThatEndsAtOnceIsNotStartedAllTheTime(t *testing.T) {
	state := t.TempDir()
	count := filepath.Join(state, "starts")
	s := supervise.New(supervise.Config{
		Command: []string{"/bin/sh", "-c", "echo x >> " + count}, StateDir: state, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(count)
	if starts := len(data) / 2; err != nil || starts < 1 || starts > 4 {
		t.Errorf("%d starts in four seconds, %v", starts, err)
	}
}
