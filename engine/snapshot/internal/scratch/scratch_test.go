package scratch_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/snapshot/internal/scratch"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestOnlyTheDirectoriesOfDeadMakersAreSwept(t *testing.T) {
	parent := t.TempDir()
	living, err := scratch.Make(parent, "etcd-")
	if err != nil {
		t.Fatal(err)
	}
	other, err := scratch.Make(parent, "etcd-2-")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etcd-1", "etcd-data", "etcd-", "etcd-2-17"} {
		if err := os.MkdirAll(filepath.Join(parent, name, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var last []string
	alive, err := scratch.Sweep(parent, "etcd-", func(path string) { last = append(last, filepath.Base(path)) })
	if err != nil || !alive || len(last) != 1 || last[0] != "etcd-1" {
		t.Errorf("alive %v, %v, swept %q", alive, err, last)
	}
	if got := names(t, parent); len(got) != 5 {
		t.Errorf("left %q", got)
	}
	if err := living.Remove(); err != nil {
		t.Error(err)
	}
	if alive, err := scratch.Sweep(parent, "etcd-", nil); alive || err != nil {
		t.Errorf("after the last one: alive %v, %v", alive, err)
	}
	if err := other.Remove(); err != nil {
		t.Error(err)
	}
}

func TestAMakerIsNeverSweptAway(t *testing.T) {
	parent := t.TempDir()
	var makers sync.WaitGroup
	for range 4 {
		makers.Go(func() {
			for range 200 {
				if _, err := scratch.Sweep(parent, "a-", nil); err != nil {
					t.Error(err)
				}
				dir, err := scratch.Make(parent, "a-")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(dir.Path); err != nil {
					t.Errorf("a directory of our own: %v", err)
				}
				if err := dir.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	if got := names(t, parent); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

func TestAParentThatIsNotThereHasNone(t *testing.T) {
	if alive, err := scratch.Sweep(filepath.Join(t.TempDir(), "none"), "a-", nil); alive || err != nil {
		t.Errorf("alive %v, %v", alive, err)
	}
}
