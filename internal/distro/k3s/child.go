package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/internal/supervise"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// child is a reset that runs where there is no systemd to run it. A shell waits for it and writes down how it ended:
//
//	<dir>/ended      the exit code of one that has ended
//	<dir>/deadline   when it has had its time
//
// The shell has its mark in the environment; the program itself writes its title over its own.
type child struct {
	supervisor *supervise.Supervisor
	dir        string
}

const resetMark = "HOLDFAST_RESET="

// waiting is the shell's program: its name is the file, and what follows is the command.
// It hands signals of its group on by waiting for the program to obey them.
const waiting = `trap : TERM INT; "$@"; code=$?; echo "$code" >"$0.part" && mv "$0.part" "$0"`

func (c child) path(name string) string { return filepath.Join(c.dir, name) }

// Launch implements attempt.
func (c child) Launch(ctx context.Context, t systemd.Transient) error {
	if run, err := c.Run(ctx); err != nil || run.Known {
		return errors.Join(err, systemd.ErrLaunched)
	}
	output, err := os.OpenFile(t.Output, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	deadline := strconv.FormatInt(time.Now().Add(t.Limit).Unix(), 10)
	if err := os.WriteFile(c.path("deadline"), []byte(deadline), 0o600); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", waiting, c.path("ended")}, t.Command...)...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = append(c.supervisor.Environment(), resetMark+c.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // reaps it; how it ended stands in its file
	return nil
}

// Run implements attempt. One that has had its time is ended here.
func (c child) Run(ctx context.Context) (systemd.Run, error) {
	run := systemd.Run{Exit: -1}
	shells, err := c.shells()
	if err != nil {
		return run, err
	}
	if len(shells) > 0 {
		if c.late() {
			return systemd.Run{Known: true, Exit: -1, Result: "timeout"}, errors.Join(c.end(ctx), c.write("timeout"))
		}
		return systemd.Run{Known: true, Running: true, Exit: -1, Result: "success"}, nil
	}
	data, err := os.ReadFile(c.path("ended"))
	if errors.Is(err, fs.ErrNotExist) {
		return run, nil // never launched, or killed with whoever waited for it
	}
	return endedAs(strings.TrimSpace(string(data))), err
}

// endedAs reads how it ended: a word, or an exit code. Those above 128 are what a shell makes of signals.
func endedAs(text string) systemd.Run {
	code, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return systemd.Run{Known: true, Exit: -1, Result: text}
	case code > 128:
		return systemd.Run{Known: true, Exit: -1, Result: "signal"}
	case code > 0:
		return systemd.Run{Known: true, Exit: code, Result: "exit-code"}
	}
	return systemd.Run{Known: true, Exit: 0, Result: "success"}
}

// Forget implements attempt.
func (c child) Forget(ctx context.Context) error {
	if err := c.end(ctx); err != nil {
		return err
	}
	return errors.Join(remove(c.path("ended")), remove(c.path("deadline")))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (c child) write(word string) error { return os.WriteFile(c.path("ended"), []byte(word), 0o600) }

func (c child) late() bool {
	data, err := os.ReadFile(c.path("deadline"))
	if err != nil {
		return false
	}
	end, err := strconv.ParseInt(string(data), 10, 64)
	return err == nil && time.Now().Unix() > end
}

// shells are the processes that wait for the reset.
func (c child) shells() ([]int, error) {
	return supervise.Processes(func(pid int) bool { return supervise.HasEnv(pid, resetMark+c.dir) })
}

const childGrace = 10 * time.Second

// end ends the shell and all that is in its process group: the program leads no group of its own.
func (c child) end(ctx context.Context) error {
	kill := time.After(childGrace)
	signal := syscall.SIGTERM
	for first := true; ; first = false {
		shells, err := c.shells()
		if err != nil || len(shells) == 0 {
			return err
		}
		if first || signal == syscall.SIGKILL {
			for _, pid := range shells {
				if group, err := syscall.Getpgid(pid); err == nil {
					_ = syscall.Kill(-group, signal) // it may have ended meanwhile; the next look tells
				}
			}
		}
		select {
		case <-kill:
			signal = syscall.SIGKILL
		case <-ctx.Done():
			return fmt.Errorf("a reset (process %d) has not ended: %w", shells[0], context.Cause(ctx))
		case <-time.After(settlePoll):
		}
	}
}

// generations is how far up a shell is looked for: a server that redirects its log runs below itself.
const generations = 4

// resetting says whether a process was started by a shell that waits for a reset.
func resetting(pid int) bool {
	for range generations {
		if pid = parentOf(pid); pid < 2 {
			return false
		}
		data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil {
			return false
		}
		for field := range strings.SplitSeq(string(data), "\x00") {
			if strings.HasPrefix(field, resetMark) {
				return true
			}
		}
	}
	return false
}

// parentOf is the process that started another; 0 when that can't be seen.
func parentOf(pid int) int {
	const parent = 1
	fields := statusOf(pid)
	if len(fields) <= parent {
		return 0
	}
	id, _ := strconv.Atoi(fields[parent])
	return id
}

// statusOf are the fields of a process behind its name, which may hold anything and ends with a parenthesis.
func statusOf(pid int) []string {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
}
