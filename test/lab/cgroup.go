package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hierarchy is the top of the cgroup hierarchies that systemd cares about: the unified one, and on a machine that also
// has the old ones, the one named systemd.
type hierarchy struct {
	unified string
	named   string // empty when there is none
}

func hierarchies() (hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchy{}, err
	}
	h := findHierarchies(string(mounts))
	if h.unified == "" {
		return h, errors.New("the lab needs a unified cgroup hierarchy (cgroup2)")
	}
	return h, nil
}

// findHierarchies reads /proc/self/mountinfo: "ID PARENT DEV ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE SUPEROPTIONS".
func findHierarchies(mountinfo string) (h hierarchy) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if len(where) < 5 || len(what) < 3 {
			continue
		}
		switch {
		case what[0] == "cgroup2":
			h.unified = where[4]
		case what[0] == "cgroup" && slices.Contains(strings.Split(what[2], ","), "name=systemd"):
			h.named = where[4]
		}
	}
	return h
}

// cgroup is one group of processes, in every hierarchy that there is.
type cgroup struct {
	unified string
	all     []string
}

func (h hierarchy) group(name string) cgroup {
	g := cgroup{unified: filepath.Join(h.unified, name)}
	g.all = append(g.all, g.unified)
	if h.named != "" {
		g.all = append(g.all, filepath.Join(h.named, name))
	}
	return g
}

func (g cgroup) create() error {
	for _, dir := range g.all {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// kill ends every process of the group and those below it at once, as a power cut does, and waits until they are gone.
// A group that is not there is fine.
func (g cgroup) kill(ctx context.Context) error {
	err := os.WriteFile(filepath.Join(g.unified, "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return g.wait(ctx, "populated 0")
}

// freeze stops or resumes every process of a group below this one.
func (g cgroup) freeze(ctx context.Context, below string, frozen bool) error {
	g.unified = filepath.Join(g.unified, below)
	value, event := "0", "frozen 0"
	if frozen {
		value, event = "1", "frozen 1"
	}
	if err := os.WriteFile(filepath.Join(g.unified, "cgroup.freeze"), []byte(value), 0); err != nil {
		return err
	}
	return g.wait(ctx, event)
}

// wait waits until the kernel reports a state of the group.
func (g cgroup) wait(ctx context.Context, event string) error {
	return Until(ctx, fmt.Sprintf("cgroup %s: %s", g.unified, event), func(context.Context) error {
		events, err := os.ReadFile(filepath.Join(g.unified, "cgroup.events"))
		if err != nil {
			return err
		}
		if !bytes.Contains(events, []byte(event+"\n")) {
			return fmt.Errorf("it says %q", bytes.TrimSpace(events))
		}
		return nil
	})
}

// remove removes the group and all below it, which must have no process. What is not there is fine.
func (g cgroup) remove() error {
	var errs []error
	for _, top := range g.all {
		var dirs []string
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		errs = append(errs, err)
		for _, dir := range slices.Backward(dirs) {
			errs = append(errs, os.Remove(dir))
		}
	}
	return errors.Join(errs...)
}

// below is a group in this one.
func (g cgroup) below(name string) cgroup {
	below := cgroup{unified: filepath.Join(g.unified, name)}
	for _, dir := range g.all {
		below.all = append(below.all, filepath.Join(dir, name))
	}
	return below
}
