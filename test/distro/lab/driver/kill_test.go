package driver_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

// rounds of a test that kills: HOLDFAST_ROUNDS says how many.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_ROUNDS")); err == nil {
		return n
	}
	return 1
}

// fullRun is how long a whole restore takes here, about: kills fall into that time.
const fullRun = 5 * time.Second

// kill has somebody else do something, and kills that one after a while, or cuts the machine's power.
func (s *scene) kill(n *machines.Node, power bool, verb string, with any) {
	s.t.Helper()
	s.run(n, append([]string{"systemd-run", "--quiet", "--collect", "--unit=caller"}, s.argv(verb, with)...)...)
	<-time.After(rand.N(fullRun)) // the moment is what is tried; nothing is waited for
	if power {
		do(s.t, n.PowerCut(s.t.Context()))
		do(s.t, n.Start(s.t.Context()))
		return
	}
	s.shell(n, "systemctl kill --signal=KILL caller; until [ \"$(systemctl is-active caller)\" != active ]; do sleep 0.1; done")
}

func TestACallerKilledAnywhereInARestoreOrItsWayBackLosesNothing(t *testing.T) {
	s := newScene(t, lab.Config{Flavor: distro.K3s()}, 1, 0)
	n := s.nodes[0]
	s.kubectl(n, "create", "configmap", "before", "--from-literal=a=b")
	file := s.save(n, "--name=mine")
	s.kubectl(n, "create", "configmap", "after", "--from-literal=a=b")
	s.run(n, "mkdir", "-p", state)
	for round := range rounds() {
		id := "k" + strconv.Itoa(round)
		s.drive(n, "fence", nil)
		s.kill(n, false, "stop", nil)
		s.drive(n, "stop", nil)
		s.wantStopped(n)
		s.aside(n, id)
		restore := settings{ID: id, File: file}
		s.kill(n, false, "restore", restore)
		s.kill(n, true, "restore", restore)
		s.kill(n, false, "restore", restore)
		s.drive(n, "restore", restore)
		s.wantTidy(n)
		s.kill(n, false, "restore", restore)
		s.kill(n, false, "abandon", id)
		s.drive(n, "abandon", id)
		s.wantStopped(n)
		s.wantTidy(n)
		s.back(n, id)
		s.starts(n)
		s.must(s.kubectl(n, "get", "configmap", "-o", "name"), "after")
	}
	s.drive(n, "fence", nil)
	s.drive(n, "stop", nil)
	s.aside(n, "end")
	s.kill(n, false, "restore", settings{ID: "end", File: file})
	s.drive(n, "restore", settings{ID: "end", File: file})
	s.starts(n)
	got := s.kubectl(n, "get", "configmap", "-o", "name")
	s.must(got, "before")
	if strings.Contains(got, "after") {
		t.Errorf("after the restore there are %s", got)
	}
}
