package lab_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
)

// The parts of this test share three machines, because the boot is what takes time; each leaves them as they were.
func TestMachines(t *testing.T) {
	l := labtest.New(t, lab.Config{}, 3)
	for name, test := range map[string]func(*testing.T, *lab.Lab){
		"have a name, an address and a machine id of their own": identity,
		"can't set the clock":                                          capabilities,
		"run commands, and tell their output and exit code":            commands,
		"reach each other and the host, by name":                       reach,
		"are out of reach while their cable is cut":                    cut,
		"reach only their own side of a partition":                     partition,
		"keep their disk over a reboot":                                reboot,
		"keep their disk over a power cut, which no process survives":  powerCut,
		"start enabled units by themselves, and keep files when off":   units,
		"answer nothing while they hang, and go on":                    hang,
		"can't write to a full disk, and can when there is room again": fill,
	} {
		t.Run(name, func(t *testing.T) { test(t, l) })
	}
}

func identity(t *testing.T, l *lab.Lab) {
	seen := map[string]bool{}
	for _, n := range l.Nodes {
		if got := strings.TrimSpace(run(t, n, "hostname")); got != n.Name {
			t.Errorf("host name %q, want %q", got, n.Name)
		}
		if got := run(t, n, "ip", "-brief", "address", "show", "host0"); !strings.Contains(got, n.Address+"/24") {
			t.Errorf("addresses %q, want %s", got, n.Address)
		}
		seen[run(t, n, "cat", "/etc/machine-id")] = true
	}
	if len(seen) != len(l.Nodes) {
		t.Errorf("machine ids: %v", seen)
	}
}

func capabilities(t *testing.T, l *lab.Lab) {
	const sysTime = 25
	for line := range strings.Lines(run(t, l.Nodes[0], "cat", "/proc/self/status")) {
		value, ok := strings.CutPrefix(line, "CapBnd:")
		if !ok {
			continue
		}
		bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if bits == 0 || bits&(1<<sysTime) != 0 {
			t.Errorf("capabilities %x", bits)
		}
		return
	}
	t.Error("no capabilities in /proc/self/status")
}

func commands(t *testing.T, l *lab.Lab) {
	got, err := l.Nodes[0].Exec(t.Context(), "sh", "-c", "echo out; echo err >&2; exit 3")
	want := lab.Result{Stdout: "out\n", Stderr: "err\n", Code: 3}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := l.Nodes[0].Exec(ctx, "sleep", "infinity"); err == nil {
		t.Error("a command that does not end has ended")
	}
}

func reach(t *testing.T, l *lab.Lab) {
	for _, from := range l.Nodes {
		for _, to := range []string{lab.Host, "node1", "node2", "node3"} {
			if err := ping(t.Context(), from, to); err != nil {
				t.Error(err)
			}
		}
	}
}

func cut(t *testing.T, l *lab.Lab) {
	n := l.Nodes[0]
	do(t, n.CutNetwork(t.Context()))
	for _, to := range []string{lab.Host, "node2"} {
		if ping(t.Context(), n, to) == nil {
			t.Errorf("reaches %s", to)
		}
	}
	do(t, n.Heal(t.Context()))
	awaitReach(t, n, "node2")
	awaitReach(t, n, lab.Host)
}

func partition(t *testing.T, l *lab.Lab) {
	one, two := l.Nodes[0], l.Nodes[1]
	do(t, l.Partition(t.Context(), []string{"node1"}, []string{"node2", lab.Host}))
	for _, c := range []struct {
		from  *lab.Node
		to    string
		reach bool
	}{
		{one, "node2", false}, {one, lab.Host, false}, {two, "node1", false}, // across
		{two, lab.Host, true}, {one, "node3", true}, {two, "node3", true}, // on one side, or in no group
	} {
		if err := ping(t.Context(), c.from, c.to); (err == nil) != c.reach {
			t.Errorf("%s → %s: %v", c.from.Name, c.to, err)
		}
	}
	do(t, l.Unpartition(t.Context()))
	awaitReach(t, one, "node2")
	if err := l.Partition(t.Context(), []string{"node1"}, []string{"no-such-machine"}); err == nil {
		t.Error("a partition from nobody")
	}
}

func reboot(t *testing.T, l *lab.Lab) {
	n := l.Nodes[0]
	before := bootID(t, n)
	run(t, n, "sh", "-c", "echo kept >/var/lib/reboot; echo kept >/etc/reboot; echo lost >/run/reboot")
	do(t, n.Reboot(t.Context()))
	if bootID(t, n) == before {
		t.Error("it did not reboot")
	}
	if got := run(t, n, "cat", "/var/lib/reboot", "/etc/reboot"); got != "kept\nkept\n" {
		t.Errorf("files: %q", got)
	}
	if _, err := n.ReadFile("/run/reboot"); err == nil {
		t.Error("/run has outlived a reboot")
	}
	awaitReach(t, n, "node2")
}

func powerCut(t *testing.T, l *lab.Lab) {
	n := l.Nodes[1]
	run(t, n, "sh", "-c", "echo kept >/var/lib/power")
	run(t, n, "systemd-run", "--unit=witness", "--property=ExecStopPost=/bin/touch /var/lib/stopped", "sleep", "infinity")
	do(t, n.PowerCut(t.Context()))
	if n.Running() {
		t.Error("it runs")
	}
	if _, err := n.Exec(t.Context(), "true"); err == nil {
		t.Error("it executes commands")
	}
	do(t, n.Start(t.Context()))
	if got := run(t, n, "cat", "/var/lib/power"); got != "kept\n" {
		t.Errorf("file: %q", got)
	}
	if _, err := n.ReadFile("/var/lib/stopped"); err == nil {
		t.Error("a unit was stopped in order")
	}
	awaitReach(t, n, "node3")
}

func units(t *testing.T, l *lab.Lab) {
	n := l.Nodes[2]
	unit := "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo $$(hostname) >>/var/lib/ran'\n[Install]\nWantedBy=multi-user.target\n"
	do(t, n.WriteFile("/etc/systemd/system/mark.service", []byte(unit), 0o644))
	run(t, n, "systemctl", "enable", "--quiet", "mark.service")
	do(t, n.Stop(t.Context()))
	if n.Running() {
		t.Error("it runs")
	}
	do(t, n.WriteFile("/var/lib/below/written-when-off", []byte("x"), 0o600))
	do(t, n.Start(t.Context()))
	do(t, lab.Until(t.Context(), "the unit to run", func(context.Context) error {
		_, err := n.ReadFile("/var/lib/ran")
		return err
	}))
	if got := run(t, n, "stat", "-c", "%a %s", "/var/lib/below/written-when-off"); got != "600 1\n" {
		t.Errorf("the file: %q", got)
	}
}

func hang(t *testing.T, l *lab.Lab) {
	n := l.Nodes[0]
	do(t, n.Hang(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := n.Exec(ctx, "true"); err == nil {
		t.Error("it answers")
	}
	do(t, n.Thaw(t.Context()))
	run(t, n, "true")
}

func fill(t *testing.T, l *lab.Lab) {
	n := l.Nodes[0]
	do(t, n.FillDisk(1<<20))
	for _, dir := range []string{"/var/lib", "/root"} {
		if r, err := n.Exec(t.Context(), "dd", "if=/dev/zero", "of="+dir+"/big", "bs=1M", "count=2"); err != nil || r.Code == 0 || !strings.Contains(r.Stderr, "No space left") {
			t.Errorf("%s: %+v, %v", dir, r, err)
		}
		run(t, n, "rm", dir+"/big")
	}
	do(t, n.FreeDisk())
	run(t, n, "dd", "if=/dev/zero", "of=/var/lib/big", "bs=1M", "count=2")
}

// ping tells whether a machine reaches another: whether a TCP packet is answered, be it with a refusal.
func ping(ctx context.Context, from *lab.Node, to string) error {
	const script = `exec 2>&1; timeout 1 bash -c ": </dev/tcp/$0/9" && exit 0; case $? in 124) echo silence; exit 1;; esac`
	r, err := from.Exec(ctx, "bash", "-c", script, to)
	if err == nil && !strings.Contains(r.Stdout, "Connection refused") {
		err = fmt.Errorf("%s does not reach %s: %s", from.Name, to, r.Stdout)
	}
	return err
}

func awaitReach(t *testing.T, from *lab.Node, to string) {
	t.Helper()
	do(t, lab.Until(t.Context(), from.Name+" to reach "+to, func(ctx context.Context) error { return ping(ctx, from, to) }))
}

func bootID(t *testing.T, n *lab.Node) string { return run(t, n, "journalctl", "--list-boots", "-q") }

func run(t *testing.T, n *lab.Node, argv ...string) string {
	t.Helper()
	out, err := n.Run(t.Context(), argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
