package repository_test

import (
	"io"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

// A prune reads foreign snapshots before it counts on them. One that cannot be read does not count, and is not called
// damaged for it.
func TestAForeignSnapshotThatCannotBeReadIsNotCalledDamaged(t *testing.T) {
	s := localtest.New(t)
	names := []string{"etcd-snapshot-n-1652288934", "etcd-snapshot-n-1652292534"}
	for _, name := range names {
		put(t, s, name, like())
	}
	// A listing looks at its beginning.
	script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Name: names[1], Skip: 1, Times: -1, Do: faulty.Fail(io.ErrClosedPipe)})
	pruned, err := open(faulty.New(s, script), time.Now).Prune(t.Context(), repository.PruneConfig{
		Policy: repository.Policy{Keep: 1, Foreign: true, PerNode: true}, DryRun: true, SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range pruned.Verdicts {
		want := repository.StateDamaged // it holds nothing but the beginning of a database
		if v.Entry.File == names[1] {
			want = repository.StateUnverified
		}
		if v.Entry.State != want || v.Delete {
			t.Errorf("%s: %s (%s), delete %v, want %s", v.Entry.File, v.Entry.State, v.Entry.Reason, v.Delete, want)
		}
	}
}
