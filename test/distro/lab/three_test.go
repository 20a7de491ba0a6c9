package lab_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro/profile"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

func TestThreeServersLoseTheirQuorumAndAreRestoredOneByOne(t *testing.T) {
	c := installed(t, k3s(profile.Profile{}), 3)
	one, two, three := c.nodes[0], c.nodes[1], c.nodes[2]
	c.voters(one, 3)
	name := c.save()
	c.kubectl(two, "create", "configmap", "after", "--from-literal=a=b")

	t.Run("the survivor of three ends itself", func(t *testing.T) {
		do(t, c.Stop(t.Context(), two))
		do(t, c.Stop(t.Context(), three))
		c.logs(one, "leaderelection lost")
		do(t, c.Stop(t.Context(), one))
	})
	t.Run("a server that is told of another one can't be reset", func(t *testing.T) {
		_, stderr, code := c.try(two, "k3s", "server", "--cluster-reset")
		must(t, stderr, "cannot perform cluster-reset while server URL is set")
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("the first server is restored", func(t *testing.T) {
		c.run(one, "k3s", "server", "--cluster-reset", "--cluster-reset-restore-path="+data+"db/snapshots/"+name)
		do(t, c.Start(t.Context(), one))
		c.voters(one, 1)
		if got := c.kubectl(one, "get", "configmap", "-o", "name"); strings.Contains(got, "after") {
			t.Errorf("after the restore there are %s", got)
		}
	})
	t.Run("a peer with its old database hangs", func(t *testing.T) {
		_, err := two.Run(t.Context(), "systemctl", "start", "--no-block", c.Unit(two))
		do(t, err)
		c.logs(two, "permanently removed|failed to find local node|ID mismatch")
		if out, _, _ := c.try(two, "systemctl", "is-active", c.Unit(two)); out != "activating\n" {
			t.Errorf("the unit is %q", out)
		}
		do(t, c.Stop(t.Context(), two))
	})
	t.Run("a peer with a tombstone joins again", func(t *testing.T) {
		c.run(two, "touch", data+"db/etcd/tombstone")
		_, stderr, code := c.try(two, "k3s", "server", "--server=")
		must(t, stderr, "tombstone file has been detected but --server is empty")
		if code != 1 {
			t.Errorf("without a server to join: exit code %d", code)
		}
		do(t, c.Start(t.Context(), two))
		c.run(two, "sh", "-c", "ls -d "+data+"db/etcd-backup-*")
	})
	t.Run("a peer without a database joins again", func(t *testing.T) {
		c.run(three, "rm", "-rf", data+"db/etcd")
		do(t, c.Start(t.Context(), three))
		c.voters(three, 3)
	})
	t.Run("a member whose Node asks for its removal is removed", func(t *testing.T) {
		c.kubectl(one, "annotate", "node", three.Name, "etcd.k3s.cattle.io/remove=true")
		c.voters(one, 2)
	})
	t.Run("a wish to leave that stands in a snapshot is forgotten", func(t *testing.T) {
		name := c.save()
		for _, n := range c.nodes {
			c.run(n, "k3s-killall.sh")
		}
		c.run(one, "k3s", "server", "--cluster-reset", "--cluster-reset-restore-path="+data+"db/snapshots/"+name)
		do(t, c.Start(t.Context(), one))
		c.logs(one, "Cleared etcd member removal annotations from node "+three.Name)
		c.run(three, "rm", "-rf", data+"db/etcd")
		do(t, c.Start(t.Context(), three))
		c.voters(one, 2)
	})
}

// logs waits until a machine's unit has printed what matches an expression.
func (c *cluster) logs(n *machines.Node, expression string) {
	c.t.Helper()
	c.run(n, "sh", "-c", "until journalctl -u "+c.Unit(n)+" --no-pager -o cat | grep -Eq '"+expression+"'; do sleep 0.5; done")
}

// voters waits until there are so many members and none is a learner.
func (c *cluster) voters(n *machines.Node, count int) {
	c.t.Helper()
	do(c.t, machines.Until(c.t.Context(), "the members of etcd", func(ctx context.Context) error {
		members, err := c.Members(ctx, n)
		if err == nil && (len(members) != count || strings.Contains(fmt.Sprint(members), "learner")) {
			err = fmt.Errorf("members are %v", members)
		}
		return err
	}))
}
