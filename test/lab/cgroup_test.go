package lab

import "testing"

func TestHierarchiesAreFoundOnMachinesOfAllKinds(t *testing.T) {
	for name, c := range map[string]struct {
		mountinfo string
		want      hierarchy
	}{
		"unified": {
			"25 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
			hierarchy{unified: "/sys/fs/cgroup"},
		},
		"hybrid": {
			"31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"32 25 0:28 / /sys/fs/cgroup/systemd rw shared:3 master:1 - cgroup cgroup rw,xattr,name=systemd\n" +
				"33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			hierarchy{unified: "/sys/fs/cgroup/unified", named: "/sys/fs/cgroup/systemd"},
		},
		"old": {"31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", hierarchy{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := findHierarchies(c.mountinfo); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
