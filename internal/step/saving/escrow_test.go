package saving_test

import (
	"context"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// guarded is a driver of a distribution with a token.
type guarded struct {
	distro.Driver
	token string
}

// Escrow implements distro.Escrower.
func (g *guarded) Escrow(context.Context) (*escrow.Content, error) {
	return &escrow.Content{Token: g.token}, nil
}

func TestWhatASnapshotWasTakenWithLiesBesideItAndStays(t *testing.T) {
	world := etcdtest.New(t)
	world.Start(t)
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	m := on(world)
	driver := &guarded{world.Driver(), "first"}
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
	m.Driver, m.Recipients = &guarded{world.Driver(), "secret"}, []string{"age1nobody"}
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
