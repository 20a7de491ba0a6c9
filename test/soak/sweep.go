package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// scratchOf is the folder for temporary files that goes with a state. It has a name that a later run knows: a run that
// was killed leaves gigabytes.
func scratchOf(state string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("holdfast-soak-%x", sha256.Sum256([]byte(state)))[:len("holdfast-soak-")+12])
}

// sweep removes a scratch folder and what a run that was killed has left in it: tests that still run, and file systems
// that they have mounted.
func sweep(dir string) error {
	if err := endAll(dir); err != nil {
		return err
	}
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, mount := range slices.Backward(mounts) { // the inner ones first
		if err := syscall.Unmount(mount, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", mount, err)
		}
	}
	return os.RemoveAll(dir)
}

// sweepTimeout is for killed processes to be gone.
const sweepTimeout = 30 * time.Second

// endAll kills the processes that have the folder for their temporary files, and waits until they are gone.
func endAll(dir string) error {
	for deadline := time.Now().Add(sweepTimeout); ; time.Sleep(50 * time.Millisecond) {
		pids, err := processesOf(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v of an earlier run do not end", pids)
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func processesOf(dir string) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended, or is somebody else's
		}
		for variable := range bytes.SplitSeq(environ, []byte{0}) {
			value, ok := bytes.CutPrefix(variable, []byte("TMPDIR="+dir))
			if ok && (len(value) == 0 || value[0] == '/') {
				pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
				if err != nil {
					return nil, err
				}
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

func mountsBelow(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var mounts []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			mounts = append(mounts, fields[4])
		}
	}
	return mounts, lines.Err()
}
