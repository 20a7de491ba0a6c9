package driver_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/install"
	"github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
	machines "github.com/holdfast-dev/holdfast/test/lab"
)

// settings of a restore.
type settings struct{ ID, File, TokenFile string }

func TestOneServerOfK3sIsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay(t *testing.T) {
	testOneServer(t, distro.K3s())
}

func TestOneServerOfRKE2IsStoppedFencedAndRestoredWhateverGoesWrongOnTheWay(t *testing.T) {
	testOneServer(t, distro.RKE2())
}

func testOneServer(t *testing.T, flavor distro.Flavor) {
	s := newScene(t, lab.Config{Flavor: flavor, Settings: map[string]any{"secrets-encryption": true}}, 1, 0)
	n := s.nodes[0]
	s.kubectl(n, "create", "configmap", "before", "--from-literal=a=b")
	file := s.save(n, "--name=mine")
	packed := s.save(n, "--name=packed", "--etcd-snapshot-compress=true")
	s.kubectl(n, "create", "configmap", "after", "--from-literal=a=b")
	s.run(n, "sh", "-c", "mkdir -p "+state+" && echo wrong > /root/wrong && chmod 600 /root/wrong")

	t.Run("stop leaves nothing, with the script and without", func(t *testing.T) {
		s := s.of(t)
		s.run(n, "mv", install.Killall(flavor), "/root/killall")
		s.drive(n, "stop", nil)
		s.wantStopped(n)
		s.run(n, "mv", "/root/killall", install.Killall(flavor))
		s.starts(n)
		s.drive(n, "stop", nil)
		s.wantStopped(n)
		s.drive(n, "stop", nil)
	})
	t.Run("a stranger on etcd's port is named", func(t *testing.T) {
		s := s.of(t)
		s.run(n, "systemd-run", "--unit=stranger", "--quiet", "/opt/tools/etcd-3.7", "--data-dir=/var/lib/stranger",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:12380",
			"--initial-advertise-peer-urls=http://127.0.0.1:12380", "--initial-cluster=default=http://127.0.0.1:12380")
		s.run(n, "sh", "-c", "until ss -Hltn 'sport = :2379' | grep -q .; do sleep 0.1; done")
		said := s.fails(n, refused, "stop", nil)
		s.must(said, "etcd-3.7 (process ")
		s.must(said, "listens on port 2379")
		s.run(n, "systemctl", "stop", "stranger")
	})
	t.Run("what is fenced does not start, by whomever, also after a reboot", func(t *testing.T) {
		s := s.of(t)
		s.drive(n, "fence", nil)
		s.drive(n, "fence", nil)
		s.must(s.fails(n, failed, "start", nil), "it is fenced")
		s.shell(n, "systemctl start "+s.Unit(n))
		s.wantStopped(n)
		do(t, n.Reboot(t.Context()))
		s.wantStopped(n)
		if got := s.drive(n, "fenced", nil); got != "true" {
			t.Errorf("fenced: %s", got)
		}
	})
	t.Run("nothing begins on the old data", func(t *testing.T) {
		s := s.of(t)
		s.must(s.fails(n, refused, "restore", settings{ID: "u0", File: file}), "move the old data away first")
		s.drive(n, "abandon", "u0")
	})
	s.aside(n, "u1")
	t.Run("a wrong token is refused before anything is done with it", func(t *testing.T) {
		s := s.of(t)
		said := s.fails(n, denied, "restore", settings{ID: "u1", File: file, TokenFile: "/root/wrong"})
		s.must(said, "the token is another than the one that the snapshot was taken with")
		if got := s.shell(n, "cat "+s.srv("token")); strings.Contains(got, "wrong") {
			t.Errorf("the machine's token is %s", got)
		}
		if left := s.shell(n, "grep -rl wrong "+flavor.ConfigFile()+"* /etc/systemd/system"); left != "" {
			t.Errorf("it stands in %s", left)
		}
	})
	t.Run("a damaged snapshot is told from a failure", func(t *testing.T) {
		s := s.of(t)
		s.run(n, "sh", "-c", "cp "+file+" /root/bad && printf x | dd of=/root/bad bs=1 conv=notrunc seek=$(($(stat -c %s /root/bad)-10)) status=none")
		s.must(s.fails(n, damaged, "restore", settings{ID: "u1", File: "/root/bad"}), "its bytes are not what they should be")
		s.wantStopped(n)
	})
	if !flavor.StaticPods() { // the other one always encrypts
		t.Run("a server that does not encrypt Secrets is no place for those that are encrypted", func(t *testing.T) {
			s := s.of(t)
			plain := flavor.ConfigFile() + ".d/50-plain.yaml"
			do(t, n.WriteFile(plain, []byte("secrets-encryption: false\n"), 0o600))
			s.must(s.fails(n, refused, "restore", settings{ID: "u1", File: file}), "the snapshot is of a cluster that encrypts its Secrets")
			s.run(n, "rm", plain)
		})
	}
	t.Run("a start on nothing is refused: it would found an empty cluster", func(t *testing.T) {
		s := s.of(t)
		s.drive(n, "unfence", nil)
		s.run(n, "sh", "-c", "rm -rf "+s.srv("db/etcd"))
		s.must(s.fails(n, refused, "start", nil), "it would found a new and empty cluster")
		s.drive(n, "fence", nil)
	})
	for name, until := range map[string]string{
		"a reset whose caller was killed goes on, and is taken over": "true",
		"a reset that has ended while nobody waited is taken over":   "[ \"$(systemctl show -P SubState holdfast-reset-u1)\" = exited ]",
	} {
		t.Run(name, func(t *testing.T) { s.of(t).takesOver(n, settings{ID: "u1", File: file}, until) })
	}
	t.Run("a reset that was done is done again, from the beginning", func(t *testing.T) {
		s := s.of(t)
		s.must(s.drive(n, "restore", settings{ID: "u1", File: file}), `"Revision":`)
		s.wantTidy(n)
	})
	t.Run("a reset that was cut by a restart of the machine begins anew", func(t *testing.T) {
		s := s.of(t)
		s.profile(n, "endlessReset: true")
		s.begin(n, settings{ID: "u1", File: file})
		do(t, n.PowerCut(t.Context()))
		do(t, n.Start(t.Context()))
		s.wantStopped(n)
		s.profile(n, "")
		s.drive(n, "restore", settings{ID: "u1", File: file})
		s.wantTidy(n)
	})
	t.Run("a reset that does not end is ended", func(t *testing.T) {
		s := s.of(t)
		s.profile(n, "endlessReset: true")
		s.begin(n, settings{ID: "u1", File: file})
		s.run(n, "systemctl", "kill", "--signal=KILL", "caller")
		s.drive(n, "abandon", "u1")
		s.drive(n, "abandon", "u1")
		s.wantStopped(n)
		s.wantTidy(n)
		s.profile(n, "")
		if got := s.shell(n, "ls "+state+"/reset"); got != "" {
			t.Errorf("left: %s", got)
		}
	})
	t.Run("the old state comes back", func(t *testing.T) {
		s := s.of(t)
		s.back(n, "u1")
		s.starts(n)
		s.must(s.kubectl(n, "get", "configmap", "-o", "name"), "after")
		s.drive(n, "stop", nil)
	})
	t.Run("the snapshot comes back, packed as it may be, and the machine needs nothing but the token", func(t *testing.T) {
		s := s.of(t)
		s.drive(n, "fence", nil)
		s.aside(n, "u2")
		s.run(n, "sh", "-c", "cp "+s.srv("token")+" /root/token && rm "+s.srv("token"))
		// The cluster has got another token since.
		do(t, n.WriteFile(flavor.ConfigFile()+".d/50-token.yaml", []byte("token: changed-since\n"), 0o600))
		s.drive(n, "restore", settings{ID: "u2", File: packed, TokenFile: "/root/token"})
		s.wantTidy(n)
		s.starts(n)
		got := s.kubectl(n, "get", "configmap", "-o", "name")
		s.must(got, "before")
		if strings.Contains(got, "after") {
			t.Errorf("after the restore there are %s", got)
		}
	})
}

// takesOver has a reset whose caller was killed be asked for again, when a condition holds. It is not started again.
func (s *scene) takesOver(n *machines.Node, c settings, until string) {
	s.t.Helper()
	s.begin(n, c)
	s.run(n, "systemctl", "kill", "--signal=KILL", "caller")
	s.run(n, "sh", "-c", "until "+until+"; do sleep 0.1; done")
	if got := s.drive(n, "running", nil); got != "false" {
		s.t.Errorf("while a restore is to be taken over, running: %s", got)
	}
	const count = "journalctl -o cat -u holdfast-reset-u1 | grep -c '^Started'"
	before := s.shell(n, count)
	s.drive(n, "restore", c)
	if got := s.shell(n, count); got != before {
		s.t.Errorf("the reset was started %s times, and %s when its caller was killed", got, before)
	}
	s.wantTidy(n)
}

// of is the scene of a part of a test.
func (s *scene) of(t *testing.T) *scene {
	part := *s
	part.t = t
	return &part
}

func (s *scene) profile(n *machines.Node, text string) {
	s.t.Helper()
	do(s.t, n.WriteFile(profile.Path, []byte(text+"\n"), 0o644))
}

// begin has somebody else restore, and returns when the reset is under way and has data of its own.
func (s *scene) begin(n *machines.Node, c settings) {
	s.t.Helper()
	s.run(n, append([]string{"systemd-run", "--quiet", "--collect", "--unit=caller"}, s.argv("restore", c)...)...)
	do(s.t, machines.Until(s.t.Context(), "a reset", func(ctx context.Context) error {
		r, err := n.Exec(ctx, "sh", "-c", "test -d "+s.srv("db/etcd/member/wal")+" && systemctl is-active holdfast-reset-"+c.ID)
		if err == nil && r.Stdout != "active\n" {
			err = errors.New(r.Stdout)
		}
		return err
	}))
}

// wantTidy wants nothing of a reset to lie about but its result, and its output where only root can read it.
func (s *scene) wantTidy(n *machines.Node) {
	s.t.Helper()
	if left := s.shell(n, "ls -d "+s.srv("tls-*")+" "+s.srv("db/etcd-old-*")+" "+state+"/reset/*/token "+state+"/reset/*/snapshot"); left != "" {
		s.t.Errorf("left: %s", left)
	}
	if modes := s.shell(n, "stat -c %a "+state+"/reset/*/output"); modes != "" && modes != "600" {
		s.t.Errorf("modes of the output: %s", modes)
	}
	if units := s.shell(n, "systemctl list-units --all --plain --no-legend 'holdfast-reset-*'"); units != "" {
		s.t.Errorf("units: %s", units)
	}
}
