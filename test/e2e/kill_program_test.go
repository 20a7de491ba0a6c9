package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// running is a command under way.
type running struct {
	t              testing.TB
	cmd            *exec.Cmd
	command        string
	stdout, stderr watched
	ended          chan struct{}
	err            error
}

// start starts holdfast and does not wait for its end. It is killed with the test at the latest.
func (u *user) start(args ...string) *running {
	u.t.Helper()
	r := &running{t: u.t, command: "holdfast " + strings.Join(args, " "), ended: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	r.cmd = exec.CommandContext(ctx, binary(u.t), args...)
	r.cmd.Dir = u.home
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + u.home, "TMPDIR=" + u.spool(), "TZ=UTC"}, u.env...)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	r.cmd.WaitDelay = 10 * time.Second // a child that outlives the program must not hold the test up
	if err := r.cmd.Start(); err != nil {
		cancel()
		u.t.Fatal(err)
	}
	go func() {
		defer cancel()
		r.err = r.cmd.Wait()
		r.stderr.end()
		close(r.ended)
	}()
	u.t.Cleanup(func() { r.kill() })
	return r
}

// wait waits for the end, for which start has set a limit.
func (r *running) wait() outcome {
	r.t.Helper()
	<-r.ended
	var exit *exec.ExitError
	if r.err != nil && !errors.As(r.err, &exit) {
		r.t.Fatalf("%s: %v\n%s", r.command, r.err, r.stderr.String())
	}
	return outcome{command: r.command, stdout: r.stdout.String(), stderr: r.stderr.String(), code: r.cmd.ProcessState.ExitCode()}
}

// kill ends the program with SIGKILL, as the kernel does when memory is short, and returns when it is gone. It reports
// whether the program had ended by itself before.
func (r *running) kill() (endedBefore bool) {
	r.cmd.Process.Kill()
	<-r.ended
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return !ok || !status.Signaled()
}

// stage is how far the program has come: the last phase that it reported done.
func (r *running) stage() string {
	stage := "the start"
	for line := range strings.Lines(r.stderr.String()) {
		for _, phase := range []string{
			"stream from etcd", "store", "read", "check the content", "trial restore", "write the data directory",
		} {
			if strings.HasPrefix(line, phase+": ") {
				stage = phase
			}
		}
	}
	return "after: " + stage
}

// says waits until the program has printed the text to standard error, or has ended; it reports whether it has.
func (r *running) says(text string) bool { return r.stderr.await(text) }

// watched is a buffer that can be waited on.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ended bool
	news  chan struct{}
}

// Write appends.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.wake()
	return w.text.Write(p)
}

func (w *watched) wake() {
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
}

func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.wake()
}

// String is what has been written so far.
func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (w *watched) await(text string) bool {
	for {
		w.mu.Lock()
		found, ended := bytes.Contains(w.text.Bytes(), []byte(text)), w.ended
		if w.news == nil {
			w.news = make(chan struct{})
		}
		news := w.news
		w.mu.Unlock()
		if found || ended {
			return found
		}
		<-news
	}
}

// alive returns the processes that run the program under test, whoever started them.
func alive(t testing.TB) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		if path, err := os.Readlink(link); err == nil && path == binary(t) {
			found = append(found, link)
		}
	}
	return found
}

// checkNobodyLives waits until the program and all that it started are gone: a child gets its signal from the kernel,
// a moment after its parent's end.
func checkNobodyLives(t *testing.T) {
	t.Helper()
	eventually(t, "no process of the program is left", func() bool { return len(alive(t)) == 0 })
}

// left returns what lies below a directory and is named like something temporary of ours.
func left(t testing.TB, dir string) []string {
	t.Helper()
	return below(t, dir, isTemporary)
}

// below returns what lies below a directory and has a name that counts.
func below(t testing.TB, dir string, counts func(name string) bool) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && path != dir && counts(filepath.Base(path)) {
			found = append(found, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// isTemporary knows every kind of temporary name that the program makes. The lock of an etcd member is none: it stays.
func isTemporary(name string) bool {
	switch {
	case strings.HasPrefix(name, "holdfast-etcd-") && strings.HasSuffix(name, ".lock"):
		return false
	case strings.HasPrefix(name, ".holdfast-"), strings.HasPrefix(name, "holdfast-trial-"):
		return true
	}
	return strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".part")
}
