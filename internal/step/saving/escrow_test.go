package saving_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// guarded is a driver of a distribution with a token.
type guarded struct {
	distro.Driver
	token string
	opens bool
}

// Escrow implements distro.Escrower.
func (g *guarded) Escrow(context.Context) (*escrow.Content, error) {
	return &escrow.Content{Token: g.token}, nil
}

// Opens implements distro.Escrower.
func (g *guarded) Opens(context.Context, string, string) (bool, error) { return g.opens, nil }

func TestWhatASnapshotWasTakenWithLiesBesideItAndStays(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	m := on(world)
	driver := &guarded{Driver: world.Driver(), token: "first"}
	m.Driver, m.Recipients = driver, []string{who.Recipient().String()}
	settings := step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent}
	save(t, m, settings)
	driver.token = "rotated since"
	save(t, m, settings)

	own, err := m.Places.Local()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	list, err := own.List(t.Context())
	if err != nil || len(list) != 1 || !list[0].Escrow {
		t.Fatalf("%+v, %v", list, err)
	}
	sealed, err := own.Escrow(t.Context(), list[0].Manifest)
	if err != nil {
		t.Fatal(err)
	}
	content, err := escrow.Open(sealed, []age.Identity{who})
	if err != nil || content.Token != "first" {
		t.Errorf("%+v, %v", content, err)
	}
}

func TestASaveWhoseEscrowCanNotBeSealedFailsAndKeepsTheSnapshot(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	m := on(world)
	m.Driver, m.Recipients = &guarded{Driver: world.Driver(), token: "secret"}, []string{"age1nobody"}
	_, err := do(t, m, step.SaveSnapshot, step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent})
	if err == nil || !strings.Contains(err.Error(), "not what else a restore needs") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	own, err := m.Places.Local()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if list, err := own.List(t.Context()); err != nil || len(list) != 1 || !list[0].State.Good() {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAnEscrowIsKeptBesideASnapshotOfTheDistributionsOwnAsLongAsItsTokenFits(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	m := on(world)
	driver := &guarded{Driver: world.Driver(), token: "of now"}
	m.Driver = driver
	save(t, m, step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b1", Verify: v1alpha1.VerifyContent})
	own, err := m.Places.Local()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	list, err := own.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	// Under this name, and without a manifest, it is one that k3s took.
	const foreign = "etcd-snapshot-n1-1652288936"
	data, err := os.ReadFile(filepath.Join(m.Places.Dir, list[0].File))
	if err == nil {
		err = os.WriteFile(filepath.Join(m.Places.Dir, foreign), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	entry := func() *repository.Entry {
		t.Helper()
		found, err := own.FindWhole(t.Context(), []string{foreign})
		if err != nil {
			t.Fatal(err)
		}
		return &found[0]
	}
	keep := func(what string, want bool) {
		t.Helper()
		if err := m.EscrowForeign(t.Context(), own, entry()); err != nil {
			t.Fatal(err)
		}
		if e := entry(); e.Escrow != want {
			t.Errorf("%s: escrow %v", what, e.Escrow)
		}
	}
	driver.opens, m.Recipients = true, []string{who.Recipient().String()}
	keep("nobody has read it", false)
	if err := m.Verify(t.Context(), own, *entry(), snapshot.LevelContent, func(string, string) {}); err != nil {
		t.Fatal(err)
	}
	driver.opens = false
	keep("the token was changed since", false)
	driver.opens, m.Recipients = true, nil
	keep("there is nobody to encrypt it to", false)
	m.Recipients = []string{who.Recipient().String()}
	keep("all is known", true)
	driver.token = "rotated since"
	keep("it is there already", true)

	sealed, err := own.EscrowOf(t.Context(), entry())
	if err != nil {
		t.Fatal(err)
	}
	content, err := escrow.Open(sealed, []age.Identity{who})
	if err != nil || content.Token != "of now" {
		t.Errorf("%+v, %v", content, err)
	}
}
