package etcd

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// withEnv are the ids of all living processes that have this variable in the environment that they were started with. One
// that has ended has none, also while nobody has reaped it.
func withEnv(variable string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && hasEnv(pid, variable) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func hasEnv(pid int, variable string) bool {
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
