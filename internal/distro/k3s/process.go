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
		line, err := os.ReadFile(filepath.Join(proc, e.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		group, err := os.ReadFile(filepath.Join(proc, e.Name(), "cgroup"))
		if err != nil {
			continue
		}
		var argv []string
		for word := range bytes.SplitSeq(bytes.TrimRight(line, "\x00"), []byte{0}) {
			argv = append(argv, string(word))
		}
		program, _ := os.Readlink(filepath.Join(proc, e.Name(), "exe"))
		all = append(all, process{pid: pid, program: program, argv: argv, group: string(group)})
	}
	return all, nil
}

// daemons are what the distribution starts out of its data directory. People start other programs from there, such as
// kubectl, which are nobody's concern.
var daemons = []string{"containerd", "containerd-shim", "kubelet"}

// belongs says whether a process is one of the distribution: the program as server or agent, the daemons that it brings,
// and whatever runs in a pod, which is known by its control group.
func (n *node) belongs(p process) bool {
	if strings.Contains(p.group, "/kubepods") {
		return true
	}
	name := filepath.Base(p.argv[0])
	if name == n.flavour.Name {
		return len(p.argv) > 1 && slices.Contains([]string{"server", "agent"}, p.argv[1])
	}
	if rest, ok := strings.CutPrefix(name, n.flavour.Name+" "); ok { // the server hides its arguments
		return rest == "server" || rest == "agent"
	}
	daemon := slices.ContainsFunc(daemons, func(daemon string) bool { return name == daemon || strings.HasPrefix(name, daemon+"-") })
	return daemon && (n.unpacked(p.argv[0]) || n.unpacked(p.program))
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

// alive are the distribution's processes.
func (n *node) alive() ([]process, error) {
	all, err := processes(filepath.Join(n.root, "proc"))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool { return !n.belongs(p) }), nil
}
