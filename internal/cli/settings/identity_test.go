package settings

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
)

func TestFirstSavesAtOneTimeComeToOneID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "cluster-ids.yaml")
	const location, writers = "file:///backup", 8
	ids := make([]string, writers)
	var saves sync.WaitGroup
	for n := range ids {
		saves.Go(func() {
			var err error
			if ids[n], err = (Identities{path}).ClusterID("", location, nil); err != nil {
				t.Error(err)
			}
			if _, err := (Identities{path}).ClusterID("", location+ids[n], nil); err != nil {
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
	known, err := (Identities{path}).load()
	if err != nil || len(known) != 2 || known[location] != ids[0] {
		t.Errorf("remembered %v, %v", known, err)
	}
}

func TestAnOwnedRepositoryWithoutAKnownIDIsRefused(t *testing.T) {
	i := Identities{filepath.Join(t.TempDir(), "cluster-ids.yaml")}
	_, err := i.ClusterID("", "file:///backup", &repository.Owner{ClusterID: "c-other"})
	if problem.KindOf(err) != problem.Refused {
		t.Errorf("got %v", err)
	}
	if id, err := i.ClusterID("c-mine", "file:///backup", nil); id != "c-mine" || err != nil {
		t.Errorf("a given id: %q, %v", id, err)
	}
}
