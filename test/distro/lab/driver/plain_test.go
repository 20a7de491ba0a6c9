package driver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

// The server is a process that nobody but the driver starts, with all that it needs to know on its command line.
func TestAServerOfK3sWithoutSystemdIsStoppedFencedAndRestored(t *testing.T) {
	s := newScene(t, lab.Config{Flavor: distro.K3s()}, 1, 0)
	n := s.nodes[0]
	s.kubectl(n, "create", "configmap", "before", "--from-literal=a=b")
	file := s.save(n, "--name=mine")
	s.kubectl(n, "create", "configmap", "after", "--from-literal=a=b")
	s.run(n, "sh", "-c", "mkdir -p "+state+" && systemctl disable --now k3s && rm /etc/systemd/system/k3s.service && systemctl daemon-reload")
	s.plain(n)

	t.Run("it starts, and is found by whoever looks next", func(t *testing.T) {
		s := s.of(t)
		s.comesUp(n)
		if got := s.drive(n, "running", nil); got != "true" {
			t.Errorf("running: %s", got)
		}
		s.must(s.drive(n, "discover", nil), `"datastore":"etcd"`)
	})
	t.Run("what is fenced does not start", func(t *testing.T) {
		s := s.of(t)
		s.drive(n, "fence", nil)
		s.drive(n, "stop", nil)
		s.wantStopped(n)
		s.must(s.fails(n, failed, "start", nil), "it is fenced")
	})
	s.aside(n, "u1")
	t.Run("a reset whose caller was killed goes on, and is taken over", func(t *testing.T) {
		s := s.of(t)
		caller := append([]string{"systemd-run", "--quiet", "--collect", "--unit=caller", "--property=KillMode=process"}, s.before[5:]...)
		s.run(n, append(caller, program, s.flavor.Name, state, "restore", s.json(settings{ID: "u1", File: file}))...)
		s.run(n, "sh", "-c", "until test -d "+s.srv("db/etcd/member/wal")+"; do sleep 0.1; done; systemctl kill --kill-whom=main --signal=KILL caller")
		if got := s.drive(n, "running", nil); got != "false" {
			t.Errorf("while a restore is to be taken over, running: %s", got)
		}
		s.must(s.drive(n, "restore", settings{ID: "u1", File: file}), `"Revision":`)
		s.wantTidy(n)
		s.wantStopped(n)
	})
	t.Run("the snapshot comes back", func(t *testing.T) {
		s := s.of(t)
		s.comesUp(n)
		got := s.kubectl(n, "get", "configmap", "-o", "name")
		s.must(got, "before")
		if strings.Contains(got, "after") {
			t.Errorf("after the restore there are %s", got)
		}
		s.drive(n, "stop", nil)
	})
}

// comesUp has the driver start the server, and waits until its API serves.
func (s *scene) comesUp(n *machines.Node) {
	s.t.Helper()
	s.drive(n, "unfence", nil)
	s.drive(n, "start", nil)
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	do(s.t, machines.Until(ctx, "the API server", func(ctx context.Context) error {
		_, err := s.Kubectl(ctx, n, "get", "--raw=/readyz")
		return err
	}))
}

// plain has the driver of a machine run the server itself.
func (s *scene) plain(n *machines.Node) {
	s.t.Helper()
	s.before = []string{
		// What a command on a machine starts ends with it, unless it is said otherwise.
		"systemd-run", "--quiet", "--pipe", "--wait", "--property=KillMode=process",
		"env", fmt.Sprintf("HOLDFAST_SUPERVISE=%s", s.json([]string{"/usr/local/bin/" + s.flavor.Name, "server"})),
	}
}

func (s *scene) json(v any) string {
	s.t.Helper()
	data, err := json.Marshal(v)
	do(s.t, err)
	return string(data)
}
