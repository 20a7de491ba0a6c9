package restoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RemoveAside is the argument with which the test binary removes what is kept below a state directory: it can be killed.
const RemoveAside = "remove-aside"

// RunRemoval is what it does then.
func RunRemoval(stateDir string) error {
	kept, err := ListKept(stateDir)
	for _, k := range kept {
		if err := k.Remove(stateDir); err != nil {
			return err
		}
	}
	return err
}

func keeping(t *testing.T, files int) (stateDir, data string, k Kept) {
	t.Helper()
	stateDir, data = t.TempDir(), filepath.Join(t.TempDir(), "data")
	tree(t, data, map[string]string{"member/snap/db": "new"})
	k = Kept{
		Operation: uid, Committed: metav1.NewTime(time.Now().UTC().Truncate(time.Second)),
		Places: []string{data + ".holdfast-" + uid, filepath.Join(data, ".holdfast-aside-"+uid)},
	}
	old := map[string]string{}
	for i := range files {
		old[fmt.Sprintf("member/wal/%d", i)] = "old"
	}
	for _, place := range k.Places {
		tree(t, place, old)
	}
	if err := k.write(stateDir); err != nil {
		t.Fatal(err)
	}
	return stateDir, data, k
}

func TestOldDataThatIsRemovedIsGoneAndNothingElseIs(t *testing.T) {
	state, data, k := keeping(t, 3)
	tree(t, data+".holdfast-u2", map[string]string{"db": "somebody else's"})
	if size, err := k.Size(); err != nil || size != 2*3*int64(len("old")) {
		t.Errorf("size %d, %v", size, err)
	}
	all, err := ListKept(state)
	if diff := cmp.Diff([]Kept{k}, all); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	if err := RunRemoval(state); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"data/member/snap/db": "new", "data.holdfast-u2/db": "somebody else's"}
	if diff := cmp.Diff(want, read(t, filepath.Dir(data))); diff != "" {
		t.Error(diff)
	}
	if all, err := ListKept(state); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// A file that somebody has changed must not make the agent remove what runs.
func TestWhatIsNoPlaceForOldDataIsNotRemoved(t *testing.T) {
	state, data, k := keeping(t, 1)
	for _, place := range []string{data, "/", data + ".holdfast-u2", data + ".holdfast-" + uid + "/../data"} {
		bad := k
		bad.Places = []string{place}
		if err := bad.Remove(state); err == nil {
			t.Errorf("%s was taken for old data", place)
		}
	}
	if got := read(t, data)["member/snap/db"]; got != "new" {
		t.Errorf("the data is %q", got)
	}
}

func TestARemovalThatIsKilledAnywhereIsFinishedLater(t *testing.T) {
	state, data, k := keeping(t, 2000)
	for round := 0; ; round++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0], RemoveAside, state)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if round < 6 {
			time.AfterFunc(time.Duration(10+5*round)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		killed := cmd.Wait() != nil
		all, err := ListKept(state)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, data)["member/snap/db"]; got != "new" {
			t.Fatalf("the data is %q", got)
		}
		left := exists(k.Places[0]) || exists(k.Places[1])
		if left && len(all) == 0 {
			t.Fatal("old data is left, and nobody knows of it")
		}
		if len(all) == 0 && !left {
			return
		}
		if !killed {
			t.Fatalf("left: %v", all)
		}
	}
}
