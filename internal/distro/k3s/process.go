package k3s

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// process is one that is alive.
type process struct {
	pid int
	// program is the file that it runs, "" when that can't be seen.
	program string
	argv    []string
	// group is the text of its control groups.
	group string
}

// String names it for people, without its arguments: there may be a secret among them.
func (p process) String() string {
	name := "?"
	if len(p.argv) > 0 {
		name = filepath.Base(p.argv[0])
	}
	return name + " (process " + strconv.Itoa(p.pid) + ")"
}

// processes are those of the machine that /proc shows, except for the kernel's and those that have ended while they were
// looked at. A zombie has no arguments, and does nothing any more.
func processes(proc string) ([]process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(proc, pid); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// readProcess reads one, unless it is the kernel's or has ended.
func readProcess(proc string, pid int) (p process, ok bool) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(line) == 0 {
		return p, false
	}
	group, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return p, false
	}
	p = process{pid: pid, group: string(group)}
	for word := range bytes.SplitSeq(bytes.TrimRight(line, "\x00"), []byte{0}) {
		p.argv = append(p.argv, string(word))
	}
	p.program, _ = os.Readlink(filepath.Join(dir, "exe"))
	return p, true
}

// daemons are what the distribution starts out of its data directory. People start other programs from there, such as
// kubectl, which are nobody's concern.
var daemons = []string{"containerd", "containerd-shim", "kubelet"}

// belongs says whether a process is one of the distribution: the program as server or agent, the daemons that it brings,
// and whatever runs in a pod, which is known by its control group.
func (n *node) belongs(p process) bool {
	if n.inPod(p) || n.runs(p) {
		return true
	}
	name := filepath.Base(p.argv[0])
	daemon := slices.ContainsFunc(daemons, func(daemon string) bool { return name == daemon || strings.HasPrefix(name, daemon+"-") })
	return daemon && (n.unpacked(p.argv[0]) || n.unpacked(p.program))
}

// inPod says whether a process runs in a pod of this machine: below the part of the hierarchy that the agent is in, too. Those
// of a cluster in a container of this machine are below that one's.
func (n *node) inPod(p process) bool {
	own, err := n.readFile("/proc/self/cgroup")
	for line := range strings.Lines(p.group) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), ":/")
		above, _, found := strings.Cut("/"+path, "/kubepods")
		if found && (err != nil || strings.Contains(string(own), ":"+above+"/")) {
			return true
		}
	}
	return false
}

// runs says whether a process is the program itself, as server or agent.
func (n *node) runs(p process) bool {
	name := filepath.Base(p.argv[0])
	if name == n.flavour.Name {
		return len(p.argv) > 1 && slices.Contains([]string{"server", "agent"}, p.argv[1])
	}
	rest, ok := strings.CutPrefix(name, n.flavour.Name+" ") // the server hides its arguments
	return ok && (rest == "server" || rest == "agent")
}

// sameNetwork says whether a process is in the network that this one is in. A server in a container has one of its own.
func sameNetwork(proc string, pid int) bool {
	own, err := os.Readlink(filepath.Join(proc, "self", "ns", "net"))
	if err != nil {
		return true // it can't be seen, and there is nothing to tell machines apart by
	}
	its, err := os.Readlink(filepath.Join(proc, strconv.Itoa(pid), "ns", "net"))
	return err != nil || its == own
}

// unpacked says whether a program is one of those that the distribution brings along and lays down in its data directory.
func (n *node) unpacked(program string) bool {
	dir := n.dataDir()
	if strings.HasPrefix(program, filepath.Join(dir, "data")+"/") {
		return true
	}
	real, err := filepath.EvalSymlinks(filepath.Join(n.root, dir))
	return err == nil && strings.HasPrefix(program, filepath.Join(real, "data")+"/")
}

// alive are the distribution's processes. A server in another network is another machine's: one in a container of this
// machine must not be killed with this one.
func (n *node) alive() ([]process, error) {
	proc := filepath.Join(n.root, "proc")
	all, err := processes(proc)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool {
		return !n.belongs(p) || n.runs(p) && !sameNetwork(proc, p.pid)
	}), nil
}
