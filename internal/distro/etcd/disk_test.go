package etcd_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/datadir"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
)

// An etcd that starts without a quorum serves nobody: the last of three after a reboot.
func TestAMemberThatGivesNoAnswerIsSalvagedFromItsDisk(t *testing.T) {
	m := etcdtest.New(t)
	d := m.Driver()
	m.Start(t)
	m.Put(t, "/a", "kept")
	inst, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := distro.Look(t.Context(), inst.Client)
	if err != nil {
		t.Fatal(err)
	}
	m.Outvote(t)
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	after, err := distro.LookAtDisk(t.Context(), inst)
	if err != nil {
		t.Fatal(err)
	}
	if after.ID != before.ID || after.ClusterID != before.ClusterID || after.Name != before.Name || after.Revision != before.Revision ||
		!after.Offline || len(after.Members) != 2 || after.RaftIndex <= before.RaftIndex {
		t.Errorf("on its disk it is %+v, and was %+v", after, before)
	}

	store, err := local.New(local.Config{Dir: filepath.Join(m.State, "snapshots"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	cfg := distro.SaveConfig{
		Store: store, ClusterID: "c-abcde", Base: "safety", Node: "n1", Trigger: snapshot.TriggerSafety, Encoding: snapshot.EncodingRaw,
		Verify: snapshot.LevelContent, SpoolDir: m.State, Tool: "test", Log: slog.New(slog.DiscardHandler),
	}
	if _, err := d.Save(t.Context(), cfg); problem.KindOf(err) != problem.Unreachable {
		t.Errorf("an ordinary save: %v", err)
	}
	cfg.Salvage = true
	made, err := d.Save(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if made.Database.Revision != before.Revision || made.Source.ClusterID != before.ClusterID || !strings.Contains(made.Suspect, "copied from the disk") {
		t.Errorf("%+v", made)
	}
}

func TestADatabaseThatIsWrittenWhileItIsCopiedIsNoSnapshot(t *testing.T) {
	m := etcdtest.New(t)
	m.Start(t)
	m.Put(t, "/a", "1")
	c, err := datadir.OpenCopy(t.Context(), datadir.Dir{Path: m.Data})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at := revisionOnDisk(t, m)
	m.Put(t, "/a", "2")
	etcdtest.Eventually(t, "etcd has written its database", func() error {
		if now := revisionOnDisk(t, m); now == at {
			return errors.New("not yet")
		}
		return nil
	})
	var read int64
	for err == nil {
		var piece []byte
		piece, err = c.Next()
		read += int64(len(piece))
	}
	if !errors.Is(err, datadir.ErrChanged) || problem.KindOf(err) != problem.Unreachable {
		t.Errorf("after %d of %d bytes: %v", read, c.Size(), err)
	}
}

func revisionOnDisk(t *testing.T, m *etcdtest.Machine) int64 {
	t.Helper()
	on, err := datadir.Read(t.Context(), datadir.Dir{Path: m.Data})
	if err != nil {
		t.Fatal(err)
	}
	return on.Head.Revision
}
