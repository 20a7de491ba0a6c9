package manager

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/robfig/cron/v3"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/server/selfbackup"
)

// vault is where a test's backups go, and what opens them.
type vault struct {
	dir      string
	identity *age.X25519Identity
}

func newVault(t *testing.T) vault {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return vault{filepath.Join(t.TempDir(), "vault"), identity}
}

func (v vault) open() (blob.Store, error) { return local.New(local.Config{Dir: v.dir, Create: true}) }

func (v vault) config(t *testing.T) *BackupConfig {
	return &BackupConfig{
		Open: v.open, Recipients: []age.Recipient{v.identity.Recipient()}, Keep: 2, SpoolDir: t.TempDir(), Tool: "test",
		Schedule: cron.Every(time.Hour),
	}
}

func (v vault) restore(t *testing.T, name, dir string, identity age.Identity) error {
	t.Helper()
	store, err := v.open()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	_, err = selfbackup.Restore(ctx, selfbackup.RestoreConfig{Store: store, Name: name, Identities: []age.Identity{identity}, Dir: dir})
	return err
}

// TestALostManagerComesBackAndItsAgentsNoticeNothing: host and data directory are gone, and the repository is left.
func TestALostManagerComesBackAndItsAgentsNoticeNothing(t *testing.T) {
	v, dir := newVault(t), filepath.Join(t.TempDir(), "data")
	f := startIn(t, dir, &clock{})
	f.addCluster(t)
	agent := f.mustJoin(t, "node1", v1alpha1.RoleEtcd)
	connected := connect(t, agent.RESTConfig())
	if err := read(t, connected, &v1alpha1.Machine{}, "node1"); err != nil {
		t.Fatal(err)
	}
	cfg := f.cfg
	cfg.Backup, cfg.Listen = v.config(t), f.Address()
	backup, err := SaveOnce(t.Context(), cfg, f.front.ca.Hash())
	if err != nil {
		t.Fatal(err)
	}
	late := f.mustJoin(t, "node2", v1alpha1.RoleEtcd)
	if id, err := Identify(cfg); err != nil || id != f.front.ca.Hash() {
		t.Errorf("it takes itself for %s, %v", id, err)
	}
	if err := v.restore(t, "", dir, v.identity); problem.KindOf(err) != problem.Refused {
		t.Errorf("into the directory of a manager that runs: %v", err)
	}
	pin, token := f.front.info.Pin, f.admin.token
	f.end()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tryWhatMustFail(t, v, backup.Name, dir)

	if err := v.restore(t, "", dir, v.identity); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cfg.Backup = nil
	m, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	f = newFixture(t, m, f.clock)
	if f.front.info.Pin != pin || f.admin.token != token || f.admin.fresh {
		t.Error("the pin or the administrator's token is another")
	}
	if err := read(t, connected, &v1alpha1.Machine{}, "node1"); err != nil {
		t.Errorf("the agent, untouched: %v", err)
	}
	if err := agent.Renew(t.Context()); err != nil {
		t.Errorf("the agent's certificate: %v", err)
	}
	var secret corev1.Secret
	if err := read(t, f.administrator(t), &secret, "s3"); err != nil || string(secret.Data["secretKey"]) != "k" {
		t.Errorf("the Secret holds %q, %v", secret.Data["secretKey"], err)
	}
	if err := late.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "has to join again") {
		t.Errorf("a machine that joined after the backup is told: %v", err)
	}
}

// tryWhatMustFail checks that each failure says why and leaves nothing.
func tryWhatMustFail(t *testing.T, v vault, name, dir string) {
	t.Helper()
	stranger := newVault(t)
	if err := v.restore(t, "", dir, stranger.identity); problem.KindOf(err) != problem.Denied {
		t.Errorf("with somebody else's identity: %v", err)
	}
	whole := []byte(readFile(t, filepath.Join(v.dir, name)))
	for _, secret := range []string{"secretKey", "AGE-SECRET", "PRIVATE KEY", "holdfast.dev"} {
		if bytes.Contains(whole, []byte(secret)) {
			t.Errorf("%q can be read in the backup", secret)
		}
	}
	for _, at := range []int{len(whole) / 3, len(whole) - 1} {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if err := os.WriteFile(filepath.Join(v.dir, name), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := v.restore(t, "", dir, v.identity); err == nil {
			t.Errorf("a backup with a wrong byte at %d is taken", at)
		}
	}
	if err := os.WriteFile(filepath.Join(v.dir, name), whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := v.restore(t, "", dir, v.identity); err == nil {
		t.Error("half a backup is taken")
	}
	if err := os.WriteFile(filepath.Join(v.dir, name), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) > 0 {
		t.Errorf("there is left: %v, %v", left, err)
	}
}

func TestAManagerSavesItselfOnScheduleAndCountsIt(t *testing.T) {
	v := newVault(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	m, err := Start(ctx, Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", Advertise: []string{"127.0.0.1"}, Agents: t.TempDir(), Backup: v.config(t),
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, m, &clock{})
	store, err := v.open()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	eventually(t, "the manager that was never backed up is", func() bool {
		all, err := selfbackup.List(t.Context(), store)
		return err == nil && len(all) == 1
	})
	eventually(t, "the metric tells", func() bool {
		families, err := f.measured.Gather()
		for _, family := range families {
			if family.GetName() == "holdfast_manager_last_backup_timestamp_seconds" {
				return family.GetMetric()[0].GetGauge().GetValue() > 0
			}
		}
		return err != nil
	})
	if err := f.all.List(t.Context(), &v1alpha1.ClusterList{}, client.Limit(1)); err != nil {
		t.Error(err)
	}
}
