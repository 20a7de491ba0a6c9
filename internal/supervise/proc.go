package supervise

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Processes are the ids of all living processes of a kind.
func Processes(is func(pid int) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && is(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// HasEnv says whether a process has this variable in the environment that it was started with. One that has ended has none,
// also while nobody has reaped it.
func HasEnv(pid int, variable string) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false // it has ended, or is another user's
	}
	for field := range bytes.SplitSeq(data, []byte{0}) {
		if string(field) == variable {
			return true
		}
	}
	return false
}
