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
	data, err := os.ReadFile(filepath.Join(n.cgroup.unified, "payload", "system.slice", unit, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil, nil // systemd removes the group of a unit that has ended
	}
	if err != nil {
		return nil, fmt.Errorf("processes of %s on %s: %w", unit, n.Name, err)
	}
	var pids []int
	for _, word := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("processes of %s on %s: %w", unit, n.Name, err)
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
	killed := 0
	for _, pid := range pids {
		switch err := syscall.Kill(pid, syscall.SIGKILL); {
		case err == nil:
			killed++
		case !errors.Is(err, syscall.ESRCH):
			return killed, fmt.Errorf("kill %s on %s: %w", unit, n.Name, err)
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
