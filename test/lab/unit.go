package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// UnitProcesses are the processes of a service of the machine, as this program sees them; none when it does not run. It asks
// the kernel, not the machine: it takes no time there, and works while the machine hangs.
func (n *Node) UnitProcesses(unit string) ([]int, error) {
	pids, err := processes(n.group("system.slice", unit))
	if err != nil {
		return nil, fmt.Errorf("processes of %s on %s: %w", unit, n.Name, err)
	}
	return pids, nil
}

// SliceProcesses are the processes of everything in a slice of the machine, found in the same way.
func (n *Node) SliceProcesses(slice string) ([]int, error) {
	groups, err := filepath.Glob(n.group(slice, "*"))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, group := range groups {
		pids, err := processes(group)
		if err != nil {
			return nil, fmt.Errorf("processes of %s on %s: %w", slice, n.Name, err)
		}
		all = append(all, pids...)
	}
	return all, nil
}

// Services are the services of the machine that run and whose names match a pattern.
func (n *Node) Services(pattern string) ([]string, error) {
	groups, err := filepath.Glob(n.group("system.slice", pattern))
	for i, group := range groups {
		groups[i] = filepath.Base(group)
	}
	return groups, err
}

// group is the directory of a control group of the machine.
func (n *Node) group(below ...string) string {
	return filepath.Join(append([]string{n.cgroup.unified, "payload"}, below...)...)
}

func processes(group string) ([]int, error) {
	data, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil // systemd removes the group of what has ended
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, word := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// KillUnit ends every process of a service with SIGKILL and says how many there were. What comes then is up to the unit.
func (n *Node) KillUnit(unit string) (int, error) {
	pids, err := n.UnitProcesses(unit)
	if err != nil {
		return 0, err
	}
	killed, err := Kill(pids)
	if err != nil {
		return killed, fmt.Errorf("kill %s on %s: %w", unit, n.Name, err)
	}
	return killed, nil
}

// Kill ends processes with SIGKILL and says how many there were.
func Kill(pids []int) (killed int, err error) {
	for _, pid := range pids {
		switch err := syscall.Kill(pid, syscall.SIGKILL); {
		case err == nil:
			killed++
		case !errors.Is(err, syscall.ESRCH):
			return killed, err
		}
	}
	return killed, nil
}

// HostPath is where the host sees a file of the machine's /var/lib, whether the machine is on or off.
func (n *Node) HostPath(path string) (string, error) {
	below, ok := strings.CutPrefix(filepath.Clean(path), "/var/lib/")
	if !ok {
		return "", fmt.Errorf("%s: %s is not below /var/lib", n.Name, path)
	}
	return filepath.Join(n.libDir(), below), nil
}
