package supervise

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The child is a process of its own, as etcd is: it writes a line for each that it is given, and says when it has.
func TestTheLogOfAChildThatGoesOnWritingStaysBounded(t *testing.T) {
	l := logFile{filepath.Join(t.TempDir(), "supervised.log"), 1000}
	out, err := l.open()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", `while read -r line; do echo "$line"; echo written >&2; done`)
	child.Stdout = out
	lines, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := child.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	written := bufio.NewReader(told)
	for i := range 500 {
		fmt.Fprintf(lines, "line %04d\n", i)
		if _, err := written.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := l.rotate(); err != nil {
			t.Fatal(err)
		}
		if n := len(content(t, l.path)); int64(n) > l.max {
			t.Fatalf("after line %d it has %d bytes", i, n)
		}
	}
	lines.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	all := content(t, l.path+".1") + content(t, l.path)
	if strings.Contains(all, "\x00") || !strings.HasSuffix(all, "line 0498\nline 0499\n") {
		t.Errorf("what is left: %q", all)
	}
	for i, line := range strings.Split(strings.TrimSpace(all), "\n") {
		if first := 500 - strings.Count(all, "\n"); line != fmt.Sprintf("line %04d", first+i) {
			t.Fatalf("%q is out of its order", line)
		}
	}
}

func TestOfALogThatGrewWithoutAnAgentTheEndIsKept(t *testing.T) {
	l := logFile{filepath.Join(t.TempDir(), "supervised.log"), 1000}
	if err := l.rotate(); err != nil {
		t.Errorf("without a log: %v", err)
	}
	if err := os.WriteFile(l.path, []byte(strings.Repeat("old\n", 10000)+"new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.rotate(); err != nil {
		t.Fatal(err)
	}
	if kept := content(t, l.path+".1"); len(kept) != 1000 || !strings.HasSuffix(kept, "old\nnew\n") || content(t, l.path) != "" {
		t.Errorf("kept %d bytes", len(kept))
	}
	info, err := os.Stat(l.path + ".1")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestALogIsCutAlsoWhenTheOldOneCannotBeKept(t *testing.T) {
	l := logFile{filepath.Join(t.TempDir(), "supervised.log"), 10}
	if err := os.WriteFile(l.path, []byte("much too long"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(l.path+".1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.rotate(); err == nil || content(t, l.path) != "" {
		t.Errorf("%v, %q", err, content(t, l.path))
	}
	if _, err := os.Stat(l.path + ".1.tmp"); !os.IsNotExist(err) {
		t.Errorf("the temporary file: %v", err)
	}
}
