package restoring

import "testing"

func TestNodesOfASnapshotThatLeftSinceAreNamed(t *testing.T) {
	var n nodes
	for _, key := range []string{"/registry/minions/old", "/registry/minions/both", "/registry/pods/default/a"} {
		n.holds([]byte(key))
	}
	for _, key := range []string{"/registry/minions/both", "/registry/minions/new", "/registry/pods/default/b"} {
		n.has([]byte(key))
	}
	want := "new came after the snapshot: gone until the machine registers again; " +
		"old left since: listed again, and not ready: delete what has no machine any more"
	if got := n.describe(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
