package systemd

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes are the ids of all processes in a control group and below it. A group that has gone has none.
func (u Unit) processes(group string) []int {
	if group == "" || group == "/" {
		return nil
	}
	var pids []int
	for _, hierarchy := range []string{"sys/fs/cgroup", "sys/fs/cgroup/systemd", "sys/fs/cgroup/unified"} {
		root := filepath.Join(u.Root, hierarchy, group)
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != "cgroup.procs" {
				return nil //nolint:nilerr // a group that goes while it is looked at is what is waited for
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return nil //nolint:nilerr // likewise
			}
			for field := range strings.FieldsSeq(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil {
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	return pids
}

func (u Unit) empty(group string) bool { return len(u.processes(group)) == 0 }
