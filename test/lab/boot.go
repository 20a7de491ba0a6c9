package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// nspawnDir is where systemd-nspawn keeps its state. It must be a tmpfs of the lab's own.
const nspawnDir = "/run/systemd/nspawn"

// enterGroups puts a process into the cgroups named by $GROUPS and then becomes the program that its arguments name.
// systemd-nspawn started elsewhere would share its payload's cgroup with every other machine.
const enterGroups = `for dir in $CGROUPS; do echo 0 >"$dir/cgroup.procs" || exit 1; done; exec "$@"`

// boot is one run of a machine, from power on to off.
type boot struct {
	nspawn *exec.Cmd
	// leader is the machine's process 1 as the host sees it.
	leader int
	done   chan struct{} // closed when systemd-nspawn was waited for
}

// launch turns the machine on. It returns when the machine has a process 1.
func (n *Node) launch(ctx context.Context) (*boot, error) {
	notify, err := n.listen()
	if err != nil {
		return nil, err
	}
	defer notify.Close()
	console, err := os.OpenFile(n.consolePath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer console.Close() // the child has its own
	cmd := exec.Command("sh", append([]string{"-c", enterGroups, "sh"}, n.nspawn()...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"CGROUPS=" + strings.Join(n.cgroup.all, " "),
		"NOTIFY_SOCKET=" + notify.LocalAddr().String(),
		"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
	}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &boot{nspawn: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait() // 133 asks for a reboot; how else it ends says nothing
		close(b.done)
	}()
	if b.leader, err = awaitLeader(ctx, notify, b.done); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; its console ends with:\n%s", err, n.Console()), n.cgroup.kill(ctx))
	}
	return b, nil
}

// nspawn is the command line of a machine; each option was found to be needed.
func (n *Node) nspawn() []string {
	args := []string{
		"systemd-nspawn", "--quiet", "--directory=" + n.rootDir(), "--machine=" + n.Name, "--uuid=" + n.machineID,
		"--register=no", "--keep-unit", // else it asks a system bus that the host may not have
		"--boot", "--network-namespace-path=/run/netns/" + n.id, "--capability=CAP_NET_ADMIN",
		"--system-call-filter=add_key keyctl bpf", // for Docker
		"--console=read-only", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--kill-signal=SIGRTMIN+3",
		"--bind=" + n.libDir() + ":/var/lib",
	}
	for inside, outside := range n.lab.binds {
		args = append(args, "--bind-ro="+outside+":"+inside)
	}
	return args
}

// listen opens the socket on which systemd-nspawn tells of its machine. The path of a socket must be short.
func (n *Node) listen() (*net.UnixConn, error) {
	path := filepath.Join(nspawnDir, n.id+".notify")
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
}

// awaitLeader reads what systemd-nspawn tells until it has told the process id of the machine's process 1.
func awaitLeader(ctx context.Context, notify *net.UnixConn, ended <-chan struct{}) (int, error) {
	stop := context.AfterFunc(ctx, func() { notify.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	returned := make(chan struct{})
	defer close(returned)
	go func() {
		select {
		case <-ended:
			notify.SetReadDeadline(time.Unix(1, 0))
		case <-returned:
		}
	}()
	message := make([]byte, 4096)
	for {
		size, err := notify.Read(message)
		if err != nil {
			return 0, fmt.Errorf("systemd-nspawn started no machine: %w", errors.Join(err, context.Cause(ctx)))
		}
		for line := range strings.Lines(string(message[:size])) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "X_NSPAWN_LEADER_PID="); ok {
				return strconv.Atoi(value)
			}
		}
	}
}

func (b *boot) running() bool {
	select {
	case <-b.done:
		return false
	default:
		return true
	}
}

func (b *boot) signal(s syscall.Signal) error {
	err := b.nspawn.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (n *Node) consolePath() string { return filepath.Join(n.dir, "console.log") }

// Console returns the last lines that the machine has printed while it booted and shut down.
func (n *Node) Console() string {
	const most = 2000
	data, err := os.ReadFile(n.consolePath())
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

// Journal returns the last lines of the machine's journal, those before its last power cut too.
func (n *Node) Journal() string {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "journalctl", "--directory="+filepath.Join(n.rootDir(), "var/log/journal"),
		"--lines=100", "--no-pager", "--output=short-precise").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s(%v)", out, err)
	}
	return string(out)
}
