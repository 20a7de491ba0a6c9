package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

const (
	// watchersFile says how many inotify instances a user may have. All machines of all labs are one user's.
	watchersFile = "/proc/sys/fs/inotify/max_user_instances"
	// watchers is enough for some dozens of machines: systemd and a Kubernetes API server take about ten on each. The usual
	// 128 end with "too many open files" at the seventh.
	watchers = 1024
)

// raiseWatchers lets machines watch files. It lowers nothing.
func raiseWatchers() error {
	text, err := os.ReadFile(watchersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || n >= watchers {
		return err
	}
	if err := os.WriteFile(watchersFile, []byte(strconv.Itoa(watchers)), 0o644); err != nil {
		return fmt.Errorf("let %d files be watched: %w", watchers, err)
	}
	return nil
}
