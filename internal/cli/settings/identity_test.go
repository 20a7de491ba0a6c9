package settings

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

func TestFirstSavesAtOneTimeComeToOneID(t *testing.T) {
	i := Identities{[]string{filepath.Join(t.TempDir(), "config", identityFile)}}
	const location, writers = "file:///backup", 8
	ids := make([]string, writers)
	var saves sync.WaitGroup
	for n := range ids {
		saves.Go(func() {
			made, err := i.ClusterID("", location, nil)
			if err != nil {
				t.Error(err)
			}
			ids[n] = made.ID
			if _, err := i.ClusterID("", location+ids[n], nil); err != nil {
				t.Error(err)
			}
		})
	}
	saves.Wait()
	for _, id := range ids {
		if id != ids[0] || CheckClusterID(id) != nil {
			t.Errorf("ids %q", ids)
		}
	}
	known, err := load(i.places[0])
	if err != nil || len(known) != 2 || known[location] != ids[0] {
		t.Errorf("remembered %v, %v", known, err)
	}
}

func TestAnOwnedRepositoryWithoutAKnownIDIsRefused(t *testing.T) {
	i := Identities{[]string{filepath.Join(t.TempDir(), identityFile)}}
	_, err := i.ClusterID("", "file:///backup", &repository.Owner{ClusterID: "c-other"})
	if problem.KindOf(err) != problem.Refused {
		t.Errorf("got %v", err)
	}
	if id, err := i.ClusterID("c-mine", "file:///backup", nil); id != (Identity{ID: "c-mine"}) || err != nil {
		t.Errorf("a given id: %v, %v", id, err)
	}
}

// A shell has a home and a timer has none: what they share is the config file.
func TestAllWhoUseOneConfigFileComeToOneID(t *testing.T) {
	etc, home := t.TempDir(), t.TempDir()
	file := filepath.Join(etc, "config.yaml")
	if err := os.WriteFile(file, []byte("repository: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	as := func(home, config string) Identities {
		environ := map[string]string{"HOME": home, "HOLDFAST_CONFIG": config}
		f := NewFlags(&console.Console{Getenv: func(name string) string { return environ[name] }})
		if _, err := f.File(); err != nil {
			t.Fatal(err)
		}
		return f.Identities()
	}
	shell, err := as(home, file).ClusterID("", "s3://b/prod", nil)
	if err != nil || shell.Made != filepath.Join(etc, identityFile) {
		t.Fatalf("%+v, %v", shell, err)
	}
	timer, err := as("", file).ClusterID("", "s3://b/prod", &repository.Owner{ClusterID: shell.ID})
	if err != nil || timer != (Identity{ID: shell.ID}) {
		t.Errorf("the shell made %+v, the timer found %+v, %v", shell, timer, err)
	}
	// What was remembered before there was a config file is still known.
	own, err := as(home, "").ClusterID("", "s3://b/other", nil)
	if err != nil || own.Made != filepath.Join(home, ".config", "holdfast", identityFile) {
		t.Fatalf("%+v, %v", own, err)
	}
	if again, err := as(home, file).ClusterID("", "s3://b/other", nil); err != nil || again != (Identity{ID: own.ID}) {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestAnIDIsRememberedWhereTheUserMayWrite(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "forbidden")
	if err := os.Mkdir(blocked, 0o500); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), identityFile)
	made, err := Identities{[]string{filepath.Join(blocked, "d", identityFile), own}}.ClusterID("", "file:///b", nil)
	if os.Geteuid() == 0 { // may write everywhere
		own = filepath.Join(blocked, "d", identityFile)
	}
	if err != nil || made.Made != own {
		t.Errorf("%+v, %v", made, err)
	}
}
